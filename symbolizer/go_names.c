/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/go_names.h"

#include <errno.h>

#include "symbolizer/go_table.h"
#include "symbolizer/symbols.h"

int go_names_add(struct symbols *symbols, const struct elf *elf)
{
	guard_go_table struct go_table table = {};
	struct go_function function;
	int code = go_table_read(elf, &table);
	if (code)
		return code == -ENODATA ? 0 : code;
	for (uint64_t i = 0; i < table.n_functions; i++) {
		if (!go_table_function(&table, i, &function))
			return -ENOEXEC;
		code = function.bytes ? symbols_add(symbols, function.address, function.bytes,
						    function.name)
				      : 0;
		if (code)
			return code;
	}
	return 0;
}
