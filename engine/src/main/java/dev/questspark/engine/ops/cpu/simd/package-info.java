/**
 * Vector operations in two forms with the same bits, plain Java and the Vector API, and the number
 * formats that they read. The classes whose names begin with Vector are compiled apart, with the
 * incubating module.
 */
package dev.questspark.engine.ops.cpu.simd;
