/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/owners.h"

#include "common/array.h"
#include "common/escape.h"
#include "common/index.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

/* What tells owners apart. */
struct identity {
	int64_t pid, tid;
	uint64_t name; /* string of the profile */
};

struct owners {
	struct owners_one *at;
	uint32_t n, room;
	struct {
		struct identity *at;
		uint32_t n, room;
	} identities;
	uint32_t *of_labels;
};

static struct identity identify(const struct profile *profile, uint32_t labels, enum owners_by by)
{
	struct identity identity = {0};
	const struct profile_labels *set = &profile->label_sets.at[labels];
	uint32_t comm = 0, thread_name = 0;
	for (uint32_t i = 0; labels && i < set->n_labels; i++) {
		const struct profile_label *label = &profile->label.at[set->first_label + i];
		const char *key = profile_string(profile, label->key);
		if (!strcmp(key, "comm"))
			comm = label->text;
		else if (!strcmp(key, "thread_name"))
			thread_name = label->text;
		else if (!strcmp(key, "pid") && by != OWNERS_BY_COMM)
			identity.pid = label->number;
		else if (!strcmp(key, "thread_id") && by == OWNERS_BY_THREAD)
			identity.tid = label->number;
	}
	identity.name = by == OWNERS_BY_THREAD && thread_name ? thread_name : comm;
	return identity;
}

static bool same(const void *context, uint32_t number, const void *key)
{
	const struct owners *owners = context;
	return !memcmp(&owners->identities.at[number - 1], key, sizeof(struct identity));
}

static uint32_t number_of(struct owners *owners, struct index *index, const struct profile *profile,
			  const struct identity *identity)
{
	uint64_t hash = index_hash(identity, sizeof(*identity));
	uint32_t number = index_find(index, hash, same, owners, identity);
	if (number)
		return number - 1;
	const char *name = profile_string(profile, (uint32_t)identity->name);
	*array_add(&owners->identities) = *identity;
	*array_add(owners) = (struct owners_one){
		.name = escape_new(name, strlen(name)), .pid = identity->pid, .tid = identity->tid};
	index_add(index, hash, owners->n);
	return owners->n - 1;
}

struct owners *owners_new(const struct profile *profile, enum owners_by by)
{
	struct owners *owners = memory_new(1, sizeof(*owners));
	struct index index = {0};
	owners->of_labels = memory_new((size_t)profile->label_sets.n + 1, sizeof(uint32_t));
	for (uint32_t i = 0; i < profile->label_sets.n; i++) {
		struct identity identity = identify(profile, i, by);
		owners->of_labels[i] = number_of(owners, &index, profile, &identity);
	}
	index_deinit(&index);
	return owners;
}

void owners_free(struct owners *owners)
{
	if (!owners)
		return;
	for (uint32_t i = 0; i < owners->n; i++)
		free((char *)owners->at[i].name);
	free(owners->at);
	free(owners->identities.at);
	free(owners->of_labels);
	free(owners);
}

uint32_t owners_end(const struct owners *owners)
{
	return owners->n;
}

const struct owners_one *owners_get(const struct owners *owners, uint32_t number)
{
	return &owners->at[number];
}

uint32_t owners_of(const struct owners *owners, uint32_t labels)
{
	return owners->of_labels[labels];
}
