/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/cfi_entries.h"

#include <errno.h>
#include <stdlib.h>

#include "common/worker.h"
#include "symbolizer/sort.h"

enum {
	FDES_MAX = 2 << 20,  /* libLLVM has 150,000 */
	CIES_MAX = 64 << 10, /* one an object file where the linker merges none: node has 4,000 */
};

/* Where the walk is: one entry of one section. */
struct entry {
	const struct cfi_source *source;
	const struct cfi_section *section;
	uint8_t section_number;
	uint32_t at;	    /* offset of its length field */
	uint64_t id_at;	    /* offset of its id */
	uint64_t id;	    /* CIE pointer as written */
	struct cursor body; /* after the id */
};

static int reserve(void *array, uint32_t *room, uint32_t n, uint32_t max, size_t size)
{
	if (n < *room)
		return 0;
	if (n >= max)
		return -E2BIG;
	uint32_t more = *room ? *room * 2 : 256;
	void *bigger = realloc(*(void **)array, (size_t)more * size);
	if (!bigger)
		return -ENOMEM;
	*(void **)array = bigger;
	*room = more;
	return 0;
}

static uint32_t offset_in(const struct cfi_section *section, const struct cursor *c)
{
	return (uint32_t)(c->at - section->bytes);
}

static uint64_t vaddr_in(const struct cfi_section *section, const struct cursor *c)
{
	return section->vaddr + offset_in(section, c);
}

/* The augmentation string, letter after letter (LSB 5.0 10.6.1.1.1). */
static void cie_augmentation(struct cfi_cie *cie, const struct cfi_section *section,
			     struct cursor letters, struct cursor *data)
{
	while (cursor_left(&letters)) {
		uint8_t letter = cursor_u8(&letters);
		if (letter == 'L') {
			cursor_u8(data);
		} else if (letter == 'R') {
			cie->encoding = cursor_u8(data);
		} else if (letter == 'P') {
			uint8_t encoding = cursor_u8(data) & 0x7f;
			cfi_run_encoded(data, encoding & 0x0f, vaddr_in(section, data));
		} else if (letter == 'S') {
			cie->signal = true;
		} else if (letter != 'B') {
			return; /* not known, but 'z' told how long the data is */
		}
	}
}

static bool cie_header(struct cfi_cie *cie, const struct entry *e, struct cursor *c)
{
	uint8_t version = cursor_u8(c);
	struct cursor letters = *c;
	while (cursor_u8(c))
		;
	letters.end = c->failed ? letters.at : c->at - 1;
	if (version == 4 && cursor_u16(c) != 8)
		return false; /* addresses of 8 bytes, segments of none */
	cie->code_align = cursor_uleb128(c);
	cie->data_align = cursor_sleb128(c);
	uint64_t ra = version == 1 ? cursor_u8(c) : cursor_uleb128(c);
	if ((version != 1 && version != 3 && version != 4) || ra != CFI_RA)
		return false;
	if (!cursor_left(&letters))
		return !c->failed;
	if (cursor_u8(&letters) != 'z')
		return false;
	cie->augmented = true;
	struct cursor data = cursor_part(c, cursor_uleb128(c));
	cie_augmentation(cie, e->section, letters, &data);
	return !c->failed && !data.failed;
}

static int add_cie(struct cfi_entries *entries, const struct entry *e)
{
	int code = reserve(&entries->cies, &entries->cies_room, entries->n_cies, CIES_MAX,
			   sizeof(*entries->cies));
	if (code)
		return code;
	struct cfi_cie *cie = &entries->cies[entries->n_cies++];
	*cie = (struct cfi_cie){.at = e->at, .section = e->section_number};
	struct cursor c = e->body;
	uint64_t broken_at;
	cie->broken = !cie_header(cie, e, &c);
	if (cie->broken)
		return 0;
	struct cfi_run run = {.cie = cie, .program = c, .vaddr = vaddr_in(e->section, &c)};
	cie->broken = cfi_run(&run, &broken_at);
	cie->initial = run.state;
	return 0;
}

/* The CIE that an FDE names; -1: there is none. */
static int64_t find_cie(const struct cfi_entries *entries, const struct entry *e)
{
	uint64_t at = e->section->debug ? e->id : e->id_at - e->id;
	uint32_t low = 0, high = entries->n_cies;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const struct cfi_cie *cie = &entries->cies[mid];
		if (cie->section == e->section_number && cie->at == at)
			return mid;
		if (cie->section < e->section_number ||
		    (cie->section == e->section_number && cie->at < at))
			low = mid + 1;
		else
			high = mid;
	}
	return -1;
}

/* Where the code lies in the file; false: nowhere. */
static bool place(const struct cfi_source *source, struct cfi_fde *fde)
{
	for (unsigned i = 0; i < source->n_segments; i++) {
		const struct worker_segment *s = &source->segments[i];
		if (fde->vaddr < s->vaddr || fde->vaddr - s->vaddr >= s->file_bytes)
			continue;
		uint64_t into = fde->vaddr - s->vaddr, left = s->file_bytes - into;
		uint64_t start = s->offset + into, n = fde->n < left ? fde->n : left;
		if (start < s->offset || start >= UINT32_MAX || n > UINT32_MAX - start)
			return false;
		fde->start = (uint32_t)start;
		fde->end = (uint32_t)(start + n);
		return n > 0;
	}
	return false;
}

static int add_fde(struct cfi_entries *entries, const struct entry *e, struct cfi_counts *counts)
{
	int code = reserve(&entries->fdes, &entries->fdes_room, entries->n_fdes, FDES_MAX,
			   sizeof(*entries->fdes));
	if (code)
		return code;
	counts->fdes++;
	int64_t number = find_cie(entries, e);
	if (number < 0 || entries->cies[number].broken) {
		counts->fdes_broken++;
		return 0;
	}
	const struct cfi_cie *cie = &entries->cies[number];
	struct cfi_fde fde = {.cie = (uint32_t)number};
	struct cursor c = e->body;
	fde.vaddr = cfi_run_encoded(&c, cie->encoding, vaddr_in(e->section, &c));
	fde.n = cfi_run_encoded(&c, cie->encoding & 0x0f, 0);
	if (cie->augmented)
		cursor_skip(&c, cursor_uleb128(&c));
	fde.program = offset_in(e->section, &c);
	fde.n_program = (uint32_t)cursor_left(&c);
	if (c.failed || fde.vaddr + fde.n < fde.vaddr)
		counts->fdes_broken++;
	else if (!place(e->source, &fde))
		counts->fdes_outside++;
	else
		entries->fdes[entries->n_fdes++] = fde;
	return 0;
}

/* One pass over a section: the CIEs, or the FDEs. Zero words between entries are skipped: a linker
 * leaves crtend's terminator in the middle. */
static int walk(struct entry *e, bool want_cies, struct cfi_entries *entries,
		struct cfi_counts *counts)
{
	struct cursor c = cursor_new(e->section->bytes, e->section->n);
	while (cursor_left(&c)) {
		e->at = offset_in(e->section, &c);
		uint64_t length = cursor_u32(&c);
		bool is_64bit = length == UINT32_MAX;
		if (is_64bit)
			length = cursor_u64(&c);
		struct cursor entry = cursor_part(&c, length);
		if (!length || c.failed)
			continue;
		e->id_at = offset_in(e->section, &entry);
		/* .eh_frame has 4 bytes also where the length has 8 */
		bool is_wide = is_64bit && e->section->debug;
		e->id = is_wide ? cursor_u64(&entry) : cursor_u32(&entry);
		uint64_t cie_id = !e->section->debug ? 0 : is_wide ? UINT64_MAX : UINT32_MAX;
		e->body = entry;
		bool is_cie = e->id == cie_id;
		if (entry.failed || is_cie != want_cies)
			continue;
		int code = is_cie ? add_cie(entries, e) : add_fde(entries, e, counts);
		if (code)
			return code;
	}
	return 0;
}

static int compare(const void *va, const void *vb)
{
	const struct cfi_fde *a = va, *b = vb;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->cie != b->cie) /* CIEs of the first section come first */
		return a->cie < b->cie ? -1 : 1;
	return (a->program > b->program) - (a->program < b->program);
}

int cfi_entries_read(const struct cfi_source *source, struct cfi_entries *entries,
		     struct cfi_counts *counts)
{
	*entries = (struct cfi_entries){0};
	for (uint8_t i = 0; i < 2; i++) {
		struct entry e = {
			.source = source, .section = &source->sections[i], .section_number = i};
		if (!e.section->bytes)
			continue;
		int code = e.section->n > 512 << 20 ? -E2BIG : walk(&e, true, entries, counts);
		if (!code)
			code = walk(&e, false, entries, counts);
		if (code)
			return code;
	}
	return sort_records(entries->fdes, entries->n_fdes, sizeof(*entries->fdes), compare);
}

void cfi_entries_deinit(struct cfi_entries *entries)
{
	free(entries->cies);
	free(entries->fdes);
	*entries = (struct cfi_entries){0};
}
