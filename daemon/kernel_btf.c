/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/kernel_btf.h"

#include <bpf/btf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/guard.h"

GUARD_DEFINE(btf, struct btf *, btf__free)

/* Where the variable lies in its section; false: there is none of that name. */
static bool find_variable(const struct btf *btf, const struct btf_type *section, const char *name,
			  int64_t *offset, const struct btf_type **type)
{
	const struct btf_var_secinfo *at = btf_var_secinfos(section);
	for (int i = 0; i < btf_vlen(section); i++) {
		const struct btf_type *variable = btf__type_by_id(btf, at[i].type);
		if (!variable || strcmp(btf__name_by_offset(btf, variable->name_off), name))
			continue;
		*offset = at[i].offset;
		*type = btf__type_by_id(btf, variable->type);
		return *type != NULL;
	}
	return false;
}

/* Bytes from the start of the struct, also within members without a name. */
static bool find_member(const struct btf *btf, const struct btf_type *type, const char *name,
			int64_t *offset)
{
	if (!btf_is_composite(type))
		return false;
	for (int i = 0; i < btf_vlen(type); i++) {
		const struct btf_member *member = &btf_members(type)[i];
		const char *called = btf__name_by_offset(btf, member->name_off);
		int64_t at = *offset + btf_member_bit_offset(type, i) / 8;
		const struct btf_type *inner = btf__type_by_id(btf, member->type);
		if (!strcmp(called, name) ||
		    (!called[0] && inner && find_member(btf, inner, name, &at))) {
			*offset = at;
			return true;
		}
	}
	return false;
}

int64_t kernel_btf_preempt_count(void)
{
	struct btf *btf guard(guard_btf) = btf__load_vmlinux_btf();
	int id = btf ? btf__find_by_name_kind(btf, ".data..percpu", BTF_KIND_DATASEC) : -1;
	const struct btf_type *section = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	const struct btf_type *type;
	int64_t queues, count;
	if (!section || !find_variable(btf, section, "runqueues", &queues, &type))
		return 0;
	/* A variable of its own, but from 6.2 to 6.14 a member of one (64701838bf05, 46e8fff6d45f).
	 */
	if (find_variable(btf, section, "__preempt_count", &count, &type))
		return count - queues;
	if (find_variable(btf, section, "pcpu_hot", &count, &type) &&
	    find_member(btf, type, "preempt_count", &count))
		return count - queues;
	return 0;
}
