package dev.questspark.job.hub;

/**
 * A file of a model on the hub.
 *
 * @param name in the repository
 * @param etag names its content: SHA-256 of a large file, git's hash of a small one
 * @param bytes its length
 */
public record HubFile(String name, String etag, long bytes) {}
