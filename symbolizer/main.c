/* SPDX-License-Identifier: Apache-2.0 */
/* probe-symbolizer: a worker that the broker starts, without capabilities and under a uid of its
 * own, with the engine's packet socket as file descriptor 3. Nobody else starts it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "symbolizer/sandbox.h"
#include "symbolizer/service.h"

#define ENGINE_SOCKET 3

int main(void)
{
	int code = sandbox_enter();
	if (code)
		fprintf(stderr, "probe-symbolizer: cannot enter its sandbox: %s\n",
			strerror(-code));
	else
		code = service_run(ENGINE_SOCKET);
	/* Not exit(): the sandbox has no calls for what may run there (a sanitizer's leak check).
	 */
	_exit(code ? 1 : 0);
}
