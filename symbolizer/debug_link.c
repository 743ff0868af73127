/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/debug_link.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "common/guard.h"
#include "symbolizer/elf.h"

enum {
	SECTION_MAX = 4096, /* a path, or less */
	CRC_PIECE = 1 << 20,
};

/* Reads such a section: a NUL-terminated name, whose bytes with its NUL are returned. 0: none. */
static size_t read_named(const struct elf *elf, const char *section, struct elf_bytes *bytes)
{
	const Elf64_Shdr *header = elf_section(elf, section);
	if (!header || elf_read_section(elf, header, SECTION_MAX, bytes))
		return 0;
	size_t n = strnlen((const char *)bytes->data, bytes->bytes) + 1;
	return n > 1 && n <= bytes->bytes ? n : 0;
}

void debug_link_read(const struct elf *elf, char name[WORKER_DEBUG_LINK], uint32_t *crc)
{
	guard_elf_bytes struct elf_bytes bytes = {};
	size_t n = read_named(elf, ".gnu_debuglink", &bytes), at = (n + 3) & ~(size_t)3;
	*name = '\0';
	if (!n || n > WORKER_DEBUG_LINK || strchr((const char *)bytes.data, '/') ||
	    at + sizeof(*crc) > bytes.bytes)
		return;
	memcpy(name, bytes.data, n);
	memcpy(crc, bytes.data + at, sizeof(*crc));
}

size_t debug_link_read_alt(const struct elf *elf, char name[WORKER_ALT_LINK],
			   uint8_t id[WORKER_BUILD_ID])
{
	guard_elf_bytes struct elf_bytes bytes = {};
	size_t n = read_named(elf, ".gnu_debugaltlink", &bytes), n_id = bytes.bytes - n;
	*name = '\0';
	if (!n || n_id > WORKER_BUILD_ID)
		return 0;
	memcpy(id, bytes.data + n, n_id);
	const char *below = strstr((const char *)bytes.data, ".dwz/");
	if (below && strlen(below + 5) < WORKER_ALT_LINK)
		snprintf(name, WORKER_ALT_LINK, "%s", below + 5);
	return n_id;
}

bool debug_link_matches(const struct elf *debug, uint32_t crc)
{
	uLong sum = crc32(0, NULL, 0);
	for (uint64_t at = 0; at < debug->bytes; at += CRC_PIECE) {
		guard_elf_bytes struct elf_bytes piece = {};
		uint64_t left = debug->bytes - at;
		if (elf_read(debug, at, left < CRC_PIECE ? left : CRC_PIECE, CRC_PIECE, &piece))
			return false;
		sum = crc32(sum, piece.data, (uInt)piece.bytes);
	}
	return sum == crc;
}
