/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/accounts.h"

#include "cli/selection.h"
#include "common/array.h"
#include "common/escape.h"
#include "common/index.h"
#include "common/info.pb-c.h"
#include "common/memory.h"
#include "common/profile.h"

#include <stdlib.h>
#include <string.h>

struct identity {
	int64_t pid, tid;
};

static bool same(const void *context, uint32_t number, const void *key)
{
	const struct account *account = &((const struct accounts *)context)->at[number - 1];
	const struct identity *identity = key;
	return account->pid == identity->pid && account->tid == identity->tid;
}

static uint32_t find(const struct accounts *accounts, const struct index *index, int64_t pid,
		     int64_t tid)
{
	struct identity identity = {pid, tid};
	return index_find(index, index_hash(&identity, sizeof(identity)), same, accounts,
			  &identity);
}

/* Takes the name. */
static struct account *add(struct accounts *accounts, struct index *index, int64_t pid, int64_t tid,
			   char *name_take)
{
	struct identity identity = {pid, tid};
	struct account *account = array_add(accounts);
	*account = (struct account){.name = name_take, .pid = pid, .tid = tid};
	/* One that changed its name is there several times: the first gets the times. */
	if (!find(accounts, index, pid, tid))
		index_add(index, index_hash(&identity, sizeof(identity)), accounts->n);
	return account;
}

static void add_values(struct accounts *accounts, struct index *index,
		       const struct selection *selection, enum owners_by by)
{
	const struct profile *profile = selection->profile;
	struct owners *owners guard(guard_owners) = owners_new(profile, by);
	uint32_t n = owners_end(owners);
	guard_mem int64_t *sums = memory_new(n, sizeof(*sums));
	for (uint32_t i = 0; i < profile->label_sets.n; i++) {
		int64_t *sum = &sums[owners_of(owners, i)];
		*sum = selection_add(*sum, selection->of_labels[i]);
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct owners_one *owner = owners_get(owners, i);
		if (sums[i])
			add(accounts, index, owner->pid, owner->tid,
			    array_copy(owner->name, strlen(owner->name)))
				->value = sums[i];
	}
}

static void add_ns(int64_t *sum, uint64_t ns)
{
	*sum = selection_add(*sum, ns > INT64_MAX ? INT64_MAX : (int64_t)ns);
}

/* Threads that ended early stand together, without a number: they are told by name. */
static void add_times(struct accounts *accounts, struct index *index,
		      const Probe__ThreadTimes *thread, bool by_thread, bool all)
{
	int64_t tid = by_thread ? thread->tid : 0;
	uint32_t found = find(accounts, index, thread->pid, tid);
	const char *name = thread->name ? thread->name : "";
	if (!found && !all)
		return;
	struct account *account =
		found ? &accounts->at[found - 1]
		      : add(accounts, index, thread->pid, tid, escape_new(name, strlen(name)));
	account->known = accounts->known = true;
	account->stolen_known |= thread->has_stolen_ns;
	add_ns(&account->oncpu_ns, thread->oncpu_ns);
	add_ns(&account->stolen_ns, thread->stolen_ns);
	add_ns(&account->runnable_ns, thread->runnable_ns);
	add_ns(&account->blocked_ns, thread->blocked_ns);
	add_ns(&account->wall_ns, thread->wall_ns);
	add_ns(&accounts->wall_ns, thread->wall_ns);
	add_ns(&accounts->stolen_ns, thread->stolen_ns);
}

static int larger_first(const void *left, const void *right)
{
	const struct account *a = left, *b = right;
	if (a->value != b->value)
		return a->value > b->value ? -1 : 1;
	if (a->wall_ns != b->wall_ns)
		return a->wall_ns > b->wall_ns ? -1 : 1;
	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	return a->tid < b->tid ? -1 : a->tid > b->tid;
}

void accounts_init(struct accounts *accounts, const struct selection *selection, enum owners_by by)
{
	struct index index = {0};
	const Probe__Info *info = selection->profile->info;
	bool all = selection->kept == selection->total;
	*accounts = (struct accounts){0};
	add_values(accounts, &index, selection, by);
	for (size_t i = 0; info && i < info->n_thread; i++)
		if (info->thread[i]->has_wall_ns)
			add_times(accounts, &index, info->thread[i], by == OWNERS_BY_THREAD, all);
	index_deinit(&index);
	if (accounts->n)
		qsort(accounts->at, accounts->n, sizeof(*accounts->at), larger_first);
}

void accounts_deinit(struct accounts *accounts)
{
	for (uint32_t i = 0; i < accounts->n; i++)
		free(accounts->at[i].name);
	free(accounts->at);
	*accounts = (struct accounts){0};
}
