/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Waits: intervals off the CPU, with the stacks that the thread waited with (struct wait_event).
 *
 * At the switch back its length is known, and whether it is taken (pace.h).
 *
 * The kernel's stack is taken there. The user's is not, under the lock of the run queue: it is
 * owed, and an interrupt that this CPU sends itself comes as soon as the thread, in the kernel
 * still, lets it. Draining an empty ring of the user's is a way to ask for one. */
#pragma once

#include "bpf/copy.h"
#include "bpf/wakers.h"

enum {
	WAITS_RING_BYTES = 4096,
};

struct waits_cpu {
	struct pace pace;
	/* The walk that is owed. */
	__u64 task; /* its address; 0: none is */
	__u64 off_ns;
	__u64 run_delay_ns; /* when it left the CPU */
	__u32 n_kernel;
	__u32 pad;
	__u64 waker_sessions; /* those that may see the stack of the waker */
	struct wait_event event;
	__u64 kernel[KERNEL_FRAMES_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct waits_cpu));
	__uint(max_entries, 1);
} waits_cpus SEC(".maps");

/* A ring a CPU, put there by the broker; always empty. */
struct waits_ring {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, WAITS_RING_BYTES);
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(key_size, sizeof(__u32));
	__uint(max_entries, CPUS_MAX);
	__array(values, struct waits_ring);
} waits_rings SEC(".maps");

static __always_inline struct waits_cpu *waits_this_cpu(void)
{
	__u32 zero = 0;
	return bpf_map_lookup_elem(&waits_cpus, &zero);
}

static __always_inline void waits_add(struct cpu_counters *row, enum wait_count which, __u64 off_ns)
{
	row->waits[which]++;
	row->waits_ns[which] += off_ns;
}

static __always_inline void waits_count(enum wait_count which, __u64 off_ns)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct cpu_counters *row = bpf_map_lookup_elem(&counters, &cpu);
	if (row)
		waits_add(row, which, off_ns);
}

/* ---- at the switch back */
static long waits_nothing(struct bpf_dynptr *unused, void *context)
{
	return 1;
}

static __always_inline void waits_interrupt(void)
{
	__u32 cpu = bpf_get_smp_processor_id();
	void *own = bpf_map_lookup_elem(&waits_rings, &cpu);
	if (own)
		bpf_user_ringbuf_drain(own, waits_nothing, NULL, BPF_RB_FORCE_WAKEUP);
}

static __always_inline void waits_owe(struct waits_cpu *cpu, struct task_struct *task,
				      const struct noted *entry, __u64 off_ns, __u64 now_ns)
{
	if (cpu->task) /* one that never came */
		waits_count(WAITS_OVERDUE, cpu->off_ns);
	cpu->task = (__u64)task;
	cpu->off_ns = off_ns;
	cpu->run_delay_ns = entry->run_delay_ns;
	cpu->event.state = entry->state;
	cpu->event.sample.time_ns = now_ns;
	cpu->n_kernel = 0;
	if (waits_wanted.flags & SESSION_KERNEL) {
		long bytes = bpf_get_task_stack(task, cpu->kernel, sizeof(cpu->kernel), 0);
		if (bytes > 0)
			cpu->n_kernel = bytes / sizeof(__u64);
		else
			count(COUNTER_NO_KERNEL_STACK);
	}
	waits_interrupt();
}

/* `slot`: of the entry. */
static __always_inline void waits_return(struct task_struct *task, const struct noted *entry,
					 __u32 slot, __u64 off_ns, __u64 now_ns)
{
	__u32 number = bpf_get_smp_processor_id();
	struct cpu_counters *row = bpf_map_lookup_elem(&counters, &number);
	struct waits_cpu *cpu = waits_this_cpu();
	if (!cpu || !row)
		return;
	waits_add(row, WAITS_SEEN, off_ns);
	__u64 period_ns = pace_period(&cpu->pace, now_ns);
	struct waker *waker = wakers_of(entry, slot);
	__u64 drawn = waker ? waker->drawn - 1 : pace_draw(&cpu->pace);
	if (waker)
		waker->drawn = 0;
	if (!pace_takes(drawn, off_ns, period_ns)) {
		waits_add(row, WAITS_SKIPPED, off_ns);
		return;
	}
	pace_walked(&cpu->pace);
	waits_owe(cpu, task, entry, off_ns, now_ns);
	cpu->event.period_ns = period_ns;
	cpu->waker_sessions = waker ? waker->sessions : 0;
	wakers_tell(waker, &cpu->event);
}

/* ---- in the thread's own context */

static __always_inline __u64 waits_ring_flags_missed(void)
{
	__u32 first = waits_wanted.first;
	const struct session_config *config = bpf_map_lookup_elem(&sessions, &first);
	return count_ring_flags_soon(bpf_ktime_get_ns(), config ? config->miss_pause_ns : 0);
}

/* Stacks into the ring. False: it is full. */
static __always_inline bool waits_walk(struct scratch *s, struct waits_cpu *cpu,
				       struct task_struct *task)
{
	struct sample_event *sample = &cpu->event.sample;
	if (cpu->n_kernel) {
		stacks_add_kernel(s, cpu->kernel, cpu->n_kernel, 0);
		if (!stacks_send(s, WALK_ROOT, &sample->kernel_hash, &sample->kernel_check))
			return false;
	}
	bool missed = false;
	if (waits_wanted.flags & SESSION_USER) {
		__u32 end = walk_user(s, NULL, task, sample->space, waits_wanted.flags,
				      USER_FRAMES_MAX);
		count_walk_end(end);
		missed = walk_missed(&s->walk, end);
		if (end != WALK_NO_REGISTERS &&
		    !stacks_send(s, end, &sample->user_hash, &sample->user_check))
			return false;
	}
	if (missed)
		copy_send(s, NULL, task, sample);
	__u64 flags = missed ? waits_ring_flags_missed() : count_ring_flags();
	return !bpf_ringbuf_output(&ring, &cpu->event, sizeof(cpu->event), flags);
}

/* What is known now, and does not come from the walk. */
static __always_inline void waits_fill(struct waits_cpu *cpu, struct task_struct *task)
{
	struct wait_event *event = &cpu->event;
	struct sample_event *sample = &event->sample;
	__u64 runnable_ns = noted_run_delay(task) - cpu->run_delay_ns;
	if (event->state == WAIT_RUNNABLE || event->state == WAIT_THROTTLED ||
	    runnable_ns > cpu->off_ns)
		runnable_ns = cpu->off_ns;
	event->runnable_ns = runnable_ns;
	event->blocked_ns = cpu->off_ns - runnable_ns;
	sample->event.kind = EVENT_WAIT;
	sample->event.bytes = sizeof(*event);
	sample->user_hash = sample->kernel_hash = 0;
	sample->user_check = sample->kernel_check = 0;
	sample->start_time_ns = task->start_time;
	sample->tgid = task->tgid;
	sample->tid = task->pid;
	sample->session = 0;
	sample->cpu = bpf_get_smp_processor_id();
	bpf_get_current_comm(sample->comm, sizeof(sample->comm));
}

static __always_inline enum wait_count waits_pay(struct waits_cpu *cpu, struct task_struct *task)
{
	const struct noted *entry = noted_find(task);
	struct sample_event *sample = &cpu->event.sample;
	sample->space = 0;
	__u64 bits = times_taking(task->tgid, task->pid, &sample->space);
	if (entry && entry->ended)
		bits = entry->waiting;
	bits &= waits_wanted.sessions;
	if (!bits)
		return WAITS_HELD;
	struct scratch *s = stacks_take(STACKS_WAIT);
	if (!s)
		return WAITS_BUSY;
	cpu->event.sessions = bits;
	if (bits & waits_wanted.wakers & ~cpu->waker_sessions) /* not for all that look */
		cpu->event.waker_hash = 0;
	waits_fill(cpu, task);
	bool sent = waits_walk(s, cpu, task);
	stacks_release(s);
	return sent ? WAITS_SENT : WAITS_RING_FULL;
}

/* An interrupt of the kind came, which is not only ours. */
static __always_inline void waits_interrupted(void)
{
	struct waits_cpu *cpu = waits_this_cpu();
	struct task_struct *task = bpf_get_current_task_btf();
	if (!cpu || !cpu->task || cpu->task != (__u64)task)
		return;
	cpu->task = 0;
	waits_count(waits_pay(cpu, task), cpu->off_ns);
	/* From the switch on, with the interrupt. */
	count_spent(pace_cost(&cpu->pace, bpf_ktime_get_ns() - cpu->event.sample.time_ns));
}
