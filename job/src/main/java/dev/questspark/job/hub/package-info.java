/** HubModel: a model of Hugging Face's hub, in the machine's cache of it. */
package dev.questspark.job.hub;
