/** Studies of attention: what page selection policies would keep of it. */
package dev.questspark.engine.study;
