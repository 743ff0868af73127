/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/questions.h"

#include <stddef.h>

static struct questions_of_user *find(struct questions *questions, uid_t uid)
{
	for (uint32_t i = 0; i < questions->n_users; i++)
		if (questions->users[i].uid == uid)
			return &questions->users[i];
	if (questions->n_users == QUESTIONS_USERS)
		return NULL;
	questions->users[questions->n_users] = (struct questions_of_user){.uid = uid};
	return &questions->users[questions->n_users++];
}

bool questions_take(struct questions *questions, uid_t uid, enum questions_kind kind)
{
	static const uint32_t most[QUESTIONS_KINDS] = {
		[QUESTIONS_STATUS] = QUESTIONS_OF_STATUS,
		[QUESTIONS_LIST] = QUESTIONS_OF_LIST,
	};
	if (uid == 0)
		return true;
	struct questions_of_user *user = find(questions, uid);
	if (!user || user->taken[kind] == most[kind] ||
	    (kind == QUESTIONS_LIST && questions->lists == QUESTIONS_LISTS))
		return false;
	user->taken[kind]++;
	questions->lists += kind == QUESTIONS_LIST;
	return true;
}

void questions_renew(struct questions *questions)
{
	questions->n_users = questions->lists = 0;
}

void questions_charge(struct questions *questions, uid_t uid, uint64_t now_ns, uint64_t took_ns)
{
	/* His own, else the one that is paid first, or was. */
	struct questions_debt *debt = &questions->debts[0];
	if (!uid)
		return;
	for (uint32_t i = 0; i < QUESTIONS_USERS; i++) {
		struct questions_debt *other = &questions->debts[i];
		if (other->uid == uid || (debt->uid != uid && other->until_ns < debt->until_ns))
			debt = other;
	}
	if (debt->uid != uid || debt->until_ns < now_ns)
		*debt = (struct questions_debt){.uid = uid, .until_ns = now_ns};
	debt->until_ns += QUESTIONS_SHARE * took_ns;
}

bool questions_may_begin(const struct questions *questions, uid_t uid, uint64_t now_ns)
{
	for (uint32_t i = 0; uid && i < QUESTIONS_USERS; i++)
		if (questions->debts[i].uid == uid)
			return questions->debts[i].until_ns < now_ns + QUESTIONS_AHEAD_NS;
	return true;
}
