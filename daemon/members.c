/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/members.h"

#include <stdlib.h>
#include <string.h>
#include "common/array.h"

void members_init(struct members *members)
{
	*members = (struct members){0};
	array_add(members); /* number 0 is none */
}

void members_deinit(struct members *members)
{
	free(members->at);
	index_deinit(&members->index);
	*members = (struct members){0};
}

static bool same_pid(const void *context, uint32_t number, const void *key)
{
	const struct members *members = context;
	return members->at[number].pid == *(const uint32_t *)key;
}

static uint32_t number_of(const struct members *members, uint32_t pid)
{
	return index_find(&members->index, index_hash(&pid, sizeof(pid)), same_pid, members, &pid);
}

static uint32_t append(struct members *members, uint32_t pid)
{
	*array_add(members) = (struct member){.pid = pid};
	index_add(&members->index, index_hash(&pid, sizeof(pid)), members->n - 1);
	return members->n - 1;
}

static void set_comm(struct member *member, const char *comm)
{
	memset(member->comm, 0, sizeof(member->comm));
	memcpy(member->comm, comm, strnlen(comm, COMM_BYTES));
}

bool members_add(struct members *members, uint32_t pid, const char *comm)
{
	uint32_t number = number_of(members, pid);
	if (members->at[number].alive)
		return false;
	if (!number)
		number = append(members, pid);
	struct member *member = &members->at[number];
	member->alive = true;
	set_comm(member, comm);
	members->n_alive++;
	members->n_ever++;
	return true;
}

void members_rename(struct members *members, uint32_t pid, const char *comm)
{
	uint32_t number = number_of(members, pid);
	if (number)
		set_comm(&members->at[number], comm);
}

void members_leave(struct members *members, uint32_t pid)
{
	struct member *member = &members->at[number_of(members, pid)];
	members->n_alive -= member->alive;
	member->alive = false;
}

void members_leave_all(struct members *members)
{
	for (uint32_t i = 1; i < members->n; i++)
		members->at[i].alive = false;
	members->n_alive = 0;
}

bool members_has(const struct members *members, uint32_t pid)
{
	return members->at[number_of(members, pid)].alive;
}

const struct member *members_find(const struct members *members, uint32_t pid)
{
	uint32_t number = number_of(members, pid);
	return number ? &members->at[number] : NULL;
}

void members_prune(struct members *members, bool (*used)(const void *context, uint32_t pid),
		   const void *context)
{
	uint32_t n = 1;
	index_deinit(&members->index);
	for (uint32_t i = 1; i < members->n; i++) {
		const struct member member = members->at[i];
		if (!member.alive && !used(context, member.pid))
			continue;
		members->at[n] = member;
		index_add(&members->index, index_hash(&member.pid, sizeof(member.pid)), n++);
	}
	members->n = n;
}
