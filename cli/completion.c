/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/completion.h"

#include "cli/commands.h"
#include "cli/options.h"
#include "common/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The command is the first word that is no option; after it come its options, or files. */
static const char bash[] =
	"_probe() {\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} command= i\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tcase ${COMP_WORDS[i]} in\n"
	"\t\t--socket) ((i++)) ;;\n"
	"\t\t-*) ;;\n"
	"\t\t*) command=${COMP_WORDS[i]}; break ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\tif [[ -z $command ]]; then\n"
	"\t\tCOMPREPLY=($(compgen -W \"$(probe help 2>/dev/null | sed -n 's/^  \\([a-z][a-z-]*\\) "
	".*/\\1/p')\" -- \"$cur\"))\n"
	"\telif [[ $cur == -* ]]; then\n"
	"\t\tCOMPREPLY=($(compgen -W \"$(probe \"$command\" --help 2>/dev/null | "
	"sed -n 's/^  .\\{4\\}\\(--[a-z-]*\\).*/\\1/p')\" -- \"$cur\"))\n"
	"\telse\n"
	"\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n"
	"\tfi\n"
	"}\n"
	"complete -o filenames -F _probe probe\n";

/* As a file in $fpath, or sourced. */
static const char zsh[] =
	"#compdef probe\n"
	"_probe() {\n"
	"\tlocal command= i\n"
	"\tlocal -a found\n"
	"\tfor ((i = 2; i < CURRENT; i++)); do\n"
	"\t\tcase $words[i] in\n"
	"\t\t--socket) ((i++)) ;;\n"
	"\t\t-*) ;;\n"
	"\t\t*) command=$words[i]; break ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\tif [[ -z $command ]]; then\n"
	"\t\tfound=(${(f)\"$(probe help 2>/dev/null | "
	"sed -n 's/^  \\([a-z][a-z-]*\\)  *\\(.*\\)/\\1:\\2/p')\"})\n"
	"\t\t_describe command found\n"
	"\telif [[ $PREFIX == -* ]]; then\n"
	"\t\tfound=(${(f)\"$(probe $command --help 2>/dev/null | "
	"sed -n 's/^  .\\{4\\}\\(--[a-z-]*\\)\\( [^ ][^ ]*\\)\\{0,1\\}  *"
	"\\(.*\\)/\\1:\\3/p')\"})\n"
	"\t\t_describe -o option found\n"
	"\telse\n"
	"\t\t_files\n"
	"\tfi\n"
	"}\n"
	"if [[ $funcstack[1] == _probe ]]; then _probe \"$@\"; else compdef _probe probe; fi\n";

static const char fish[] =
	"function __probe_commands\n"
	"\tprobe help 2>/dev/null | string replace -rf '^  ([a-z][a-z-]*) +(.*)' '$1\\t$2'\n"
	"end\n"
	"function __probe_options\n"
	"\tset -l words (commandline -opc)\n"
	"\tset -q words[2]; or return\n"
	"\tprobe $words[2] --help 2>/dev/null | string replace -rf '^  .{4}(--[a-z-]+)(?: [^ ]+)? "
	"+(.*)' '$1\\t$2'\n"
	"end\n"
	"complete -c probe -n '__fish_use_subcommand' -f -a '(__probe_commands)'\n"
	"complete -c probe -n 'not __fish_use_subcommand' -a '(__probe_options)'\n";

static const struct {
	const char *shell, *script;
} scripts[] = {
	{"bash", bash},
	{"zsh", zsh},
	{"fish", fish},
};

static int print(const char *shell, struct err *err)
{
	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		if (strcmp(scripts[i].shell, shell) != 0)
			continue;
		fputs(scripts[i].script, stdout);
		return 0;
	}
	err_set(err, -EINVAL, ERR_USAGE, "no completion for \"%s\"", shell);
	err_hint(err, "there is one for bash, zsh and fish");
	return -EINVAL;
}

int completion_command(const struct command_globals *globals, int argc, char **argv,
		       struct err *err)
{
	static const struct option none[] = {{NULL}};
	struct options options = options_init("usage: probe completion bash|zsh|fish\n"
					      "For bash: source <(probe completion bash)",
					      none, argc, argv);
	int got = options_next(&options, err);
	if (got == OPTIONS_HELP)
		return 0;
	if (got < 0)
		return got;
	if (got != OPTIONS_WORD || options.at != argc)
		return err_set(err, -EINVAL, ERR_USAGE,
			       "completion takes one shell: bash, zsh, fish");
	return print(options.value, err);
}
