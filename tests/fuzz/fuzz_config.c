/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the administrator's file: refused with words and nothing changed, or what holds then
 * can be printed and read again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/err.h"
#include "daemon/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static int read_bytes(const void *data, size_t bytes, struct config *config, struct err *err)
{
	char path[64];
	int fd = memfd_create("config", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, bytes) != (ssize_t)bytes)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int code = config_read(config, path, err);
	close(fd);
	return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct config before, config, again;
	struct err err = {0};
	memset(&config, 0, sizeof(config));
	config_init(&config);
	before = again = config;
	int code = read_bytes(data, bytes, &config, &err);
	if (!code != !err_is_set(&err) || (code && memcmp(&before, &config, sizeof(config)) != 0))
		abort();
	if (code)
		return 0;
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	config_print(&config, out);
	fclose(out);
	if (read_bytes(text, n, &again, NULL) || again.who != config.who ||
	    again.recordings != config.recordings || again.frequency != config.frequency ||
	    again.group != config.group)
		abort();
	free(text);
	return 0;
}
