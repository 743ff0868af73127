/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a BPF program that does nothing at the scheduler's switch until it is told to end: the least
 * that any other costs there. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int attach_nothing(void)
{
	const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int program = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "nothing", "GPL", nothing,
				    sizeof(nothing) / sizeof(*nothing), NULL);
	if (program < 0)
		return -1;
	return bpf_raw_tracepoint_open("sched_switch", program);
}

int main(void)
{
	sigset_t end;
	int number;
	sigemptyset(&end);
	sigaddset(&end, SIGINT);
	sigprocmask(SIG_BLOCK, &end, NULL);
	if (attach_nothing() < 0) {
		fprintf(stderr, "bare: %s\n", strerror(errno));
		return 1;
	}
	fprintf(stderr, "Profiling nothing\n");
	sigwait(&end, &number);
	return 0;
}
