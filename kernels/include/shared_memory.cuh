// Dynamic shared memory under one name, so that the CPU test driver can supply its own.
#pragma once

#ifndef QUEST_DYNAMIC_SHARED
#define QUEST_DYNAMIC_SHARED(name) extern __shared__ __align__(16) unsigned char name[]
#endif
