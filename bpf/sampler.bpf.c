/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sampler: one run a firing of a session's event on a CPU, and what keeps the filter true. Each
 * run ends in exactly one of elsewhere, held, sampled and lost (struct ticks). */
#include <asm/errno.h>
#include <stdbool.h>
#include "bpf/life.h"
#include "bpf/sleepers.h"
#include "bpf/waits.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline bool sampler_send(struct sample_event *from, __u64 flags)
{
	from->event.kind = EVENT_SAMPLE;
	from->event.bytes = sizeof(*from);
	return !bpf_ringbuf_output(&ring, from, sizeof(*from), flags);
}

/* What a program was run for: a perf event's overflow, with the registers it interrupted, or a
 * tracepoint, which the thread itself runs into, in the kernel (regs: NULL). */
struct sampler_cause {
	void *ctx;
	const struct pt_regs *regs;
	__u64 period;
};

/* Both stacks and the sample; false: the ring was full, which is counted. */
static __always_inline bool sampler_sample(const struct sampler_cause *cause, struct scratch *s,
					   struct session_config *config, __u32 session,
					   __u32 space, __u32 thin)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	struct sample_event sample = {
		.time_ns = bpf_ktime_get_ns(),
		.start_time_ns = task->start_time,
		.period = cause->period << thin,
		.tgid = pid_tgid >> 32,
		.tid = pid_tgid,
		.space = space,
		.session = session,
		.cpu = bpf_get_smp_processor_id(),
	};
	bpf_get_current_comm(sample.comm, sizeof(sample.comm));
	if ((config->flags & SESSION_KERNEL) &&
	    (!cause->regs || !registers_user_mode(cause->regs)) && stacks_kernel(s, cause->ctx) &&
	    !stacks_send(s, WALK_ROOT, &sample.kernel_hash, &sample.kernel_check)) {
		count(COUNTER_RING_FULL_STACK);
		return false;
	}
	bool missed = false;
	if (config->flags & SESSION_USER) {
		__u32 end = walk_user(s, cause->regs, task, space, config->flags, USER_FRAMES_MAX);
		count_walk_end(end);
		missed = walk_missed(&s->walk, end);
		if (end != WALK_NO_REGISTERS &&
		    !stacks_send(s, end, &sample.user_hash, &sample.user_check)) {
			count(COUNTER_RING_FULL_STACK);
			return false;
		}
	}
	if (missed)
		copy_send(s, cause->regs, task, &sample);
	__u64 flags = missed ? count_ring_flags_soon(sample.time_ns, config->miss_pause_ns)
			     : count_ring_flags();
	if (!sampler_send(&sample, flags)) {
		count(COUNTER_RING_FULL_SAMPLE);
		return false;
	}
	return true;
}

static __always_inline int sampler_run(const struct sampler_cause *cause)
{
	__u64 session = bpf_get_attach_cookie(cause->ctx);
	struct ticks *row = count_ticks(session);
	if (!row)
		return 0;
	row->runs++;
	__u32 space, key = session;
	struct session_config *config = bpf_map_lookup_elem(&sessions, &key);
	__u32 thin = config ? config->thin & 15 : 0;
	if (row->runs & ((1u << thin) - 1)) {
		row->thinned++;
		return 0;
	}
	enum filter_verdict verdict = filter_judge(session & (SESSIONS_MAX - 1), &space);
	if (verdict == FILTER_ELSEWHERE || !config) {
		row->elsewhere++;
		return 0;
	}
	if (verdict == FILTER_HELD) {
		row->held++;
		return 0;
	}
	struct scratch *s = stacks_take(STACKS_TICK);
	if (!s) {
		count(COUNTER_BUSY);
		row->lost++;
		row->lost_busy++;
		return 0;
	}
	bool sent = sampler_sample(cause, s, config, session, space, thin);
	stacks_release(s);
	if (sent) {
		row->sampled++;
	} else {
		row->lost++;
		row->lost_ring++;
	}
	return 0;
}

SEC("perf_event")
int sampler_tick(struct bpf_perf_event_data *ctx)
{
	__u64 begin = bpf_ktime_get_ns();
	sampler_run(&(struct sampler_cause){ctx, &ctx->regs, ctx->sample_period});
	count_spent(bpf_ktime_get_ns() - begin);
	return 0;
}

/* The kernel runs it for a tracepoint wherever that is met, on every CPU, and makes no perf sample
 * of it, since it returns 0. */
SEC("tracepoint")
int sampler_trace(void *ctx)
{
	__u64 begin = bpf_ktime_get_ns();
	sampler_run(&(struct sampler_cause){ctx, NULL, 1});
	count_spent(bpf_ktime_get_ns() - begin);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(sampler_fork, struct task_struct *parent, struct task_struct *child)
{
	life_fork(parent, child);
	if (child->pid == child->tgid)
		times_birth(child);
	return 0;
}

/* Threads: sched_process_fork tells nothing of those that the kernel makes for io_uring. */
SEC("tp_btf/task_newtask")
int BPF_PROG(sampler_newtask, struct task_struct *task, __u64 clone_flags)
{
	if (clone_flags & KERNEL_CLONE_THREAD)
		times_birth(task);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sampler_exec, struct task_struct *task, int old_tid, struct linux_binprm *program)
{
	life_exec(task, old_tid, program);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(sampler_exit, struct task_struct *task)
{
	if (timing)
		times_exit(task);
	life_exit(task);
	return 0;
}

/* Of threads that are not noted it costs two searches. */
SEC("tp_btf/sched_switch")
int BPF_PROG(sampler_switch, bool preempted, struct task_struct *prev, struct task_struct *next,
	     unsigned int prev_state)
{
	__u64 now_ns = 0;
	struct noted *leaves = noted_find(prev);
	if (leaves) {
		now_ns = bpf_ktime_get_ns();
		if (prev_state == KERNEL_TASK_DEAD)
			times_last_switch(prev, leaves);
		else
			noted_leave(leaves, prev, noted_state(prev, preempted, prev_state), now_ns);
	}
	__u32 slot = noted_slot_of(next);
	struct noted *returns = slot == NOTED_SLOTS ? NULL : bpf_map_lookup_elem(&noted, &slot);
	if (!returns)
		return 0;
	now_ns = now_ns ? now_ns : bpf_ktime_get_ns();
	__u64 off_ns = noted_return(returns, now_ns);
	if (off_ns && (returns->sessions & waits_wanted.sessions))
		waits_return(next, returns, slot, off_ns, now_ns);
	return 0;
}

SEC("tp_btf/irq_work_entry")
int BPF_PROG(sampler_owed, int vector)
{
	waits_interrupted();
	return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(sampler_waking, struct task_struct *task)
{
	wakers_wake(task);
	return 0;
}

SEC("iter/task")
int sampler_threads(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	if (!task || task->exit_state) /* the dead have told, or had been dead before */
		return 0;
	__u64 bits = times_sessions(task->tgid, task->pid, true);
	if (!bits)
		return 0;
	struct thread_times times;
	struct noted *entry = bits & timing ? noted_seed(task, bits) : NULL;
	if (!entry && task->exit_state)
		return 0; /* it tells of itself */
	times_read(task, entry, bits, &times);
	bpf_seq_write(ctx->meta->seq, &times, sizeof(times));
	return 0;
}

SEC("iter.s/task")
int sampler_sleepers(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	if (task)
		sleepers_task(task, ctx->meta->seq);
	return 0;
}

/* Run by the broker (BPF_PROG_TEST_RUN) for each change of the filter. */
SEC("syscall")
int sampler_filter(struct filter_change *change)
{
	__u64 bit = 1ull << (change->session & (SESSIONS_MAX - 1));
	switch (change->op) {
	case FILTER_OP_TAKE:
		return filter_take(change, bit);
	case FILTER_OP_HOLD:
		return filter_hold(change, bit);
	case FILTER_OP_RELEASE:
		return filter_release(change, bit);
	case FILTER_OP_TAKE_THREAD:
		return filter_take_thread(change->id, bit);
	case FILTER_OP_SPACE:
		return filter_set_space(change);
	case FILTER_OP_DROP:
		return filter_drop(change->id, bit);
	case FILTER_OP_DROP_THREAD:
		return filter_drop_thread(change->id, bit);
	case FILTER_OP_DROP_NOTED:
		noted_drop(change->session < SESSIONS_MAX ? bit : ~0ull);
		return 0;
	}
	return -EINVAL;
}
