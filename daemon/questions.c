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
