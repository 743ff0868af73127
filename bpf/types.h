/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the BPF programs and the engine share: maps' values, events of the ring, counters.
 * Fixed widths, explicit padding; only <linux/types.h>.
 *
 * Memory that the engine writes while programs run is in mmapable arrays, never behind a bpf() call
 * on a hash: the kernel silently skips a perf_event program on a CPU that is inside one. */
#pragma once

#include <linux/types.h>

#define TYPES_ASSERT_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)

/* A build of tiny maps, for a test that fills them many times over (make SMALL=1). */
#ifdef TYPES_SMALL
#define TYPES_ENTRIES(usual, small) (small)
#else
#define TYPES_ENTRIES(usual, small) (usual)
#endif

enum {
	SESSIONS_MAX = 64,		       /* recordings at once: a session is a bit of a u64 */
	CPUS_MAX = 256,			       /* rows of counters */
	FILTER_MAX = TYPES_ENTRIES(16384, 64), /* processes taken at once */
	THREADS_MAX = TYPES_ENTRIES(4096, 32), /* threads taken by `-t` at once */
	SPACES_MAX = TYPES_ENTRIES(16384, 16), /* address spaces known at once */
	MAPPINGS_MAX = TYPES_ENTRIES(128 << 10, 256), /* executable mappings of all spaces */
	SEEN_MAX = TYPES_ENTRIES(
		16384, 256), /* slots of the direct-mapped cache of stack hashes; a power of 2 */
	RING_BYTES = TYPES_ENTRIES(4 << 20, 256 << 10), /* the event ring */
	USER_FRAMES_MAX = 1024,
	KERNEL_FRAMES_MAX = 127,
	COMM_BYTES = 16,
};

/* One frame: an address *in an object*, so that profiles survive the target's exit, exec and
 * dlclose, and equal code in many processes is one frame. */
enum frame_kind {
	FRAME_NONE,
	FRAME_FILE,   /* object: the engine's number of the mapped file; address: its file offset */
	FRAME_KERNEL, /* address - _stext, wrapping: modules and BPF programs lie elsewhere */
	FRAME_RAW,    /* any other user address; object: the space's number */
};
enum frame_flags {
	FRAME_BY_POINTER = 1 << 0, /* found by following the frame pointer, not by a table */
	FRAME_EXACT = 1 << 1, /* address is the instruction itself: leaf, or under a signal frame;
			       * all others are return addresses and are looked up at address - 1 */
};
struct frame {
	__u64 address;
	__u32 object;
	__u16 kind;  /* enum frame_kind */
	__u16 flags; /* enum frame_flags */
};
TYPES_ASSERT_SIZE(struct frame, 16);

/* Why a walk ended. Kept with the stack, counted in the profile by name (counters_end_name()). */
enum walk_end {
	WALK_ROOT,	   /* whole: return address undefined, or zero at the outermost frame */
	WALK_DEPTH,	   /* USER_FRAMES_MAX reached */
	WALK_BAD_PAGE,	   /* the stack could not be read */
	WALK_NO_MAPPING,   /* the last frame lies in no known executable mapping: nonsense, or code
			    * mapped after the mappings were read */
	WALK_NO_ROW,	   /* no unwind row, and the frame pointer leads nowhere */
	WALK_NO_PROGRESS,  /* the stack pointer did not rise */
	WALK_UNSUPPORTED,  /* a rule that the tables do not express */
	WALK_NO_REGISTERS, /* the thread has no user registers (kernel thread) */
	WALK_32BIT,	   /* a 32-bit process */
	WALK_BUDGET,	   /* more steps than a walk may take */
	WALK_NO_TABLE,	   /* the unwind table of the code was not there yet */
	WALK_ENDS,
};

/* ---- events of the ring, in order of reservation: a stack comes before the samples that name it
 */
enum event_kind {
	EVENT_STACK = 1,
	EVENT_SAMPLE,
	EVENT_FORK,
	EVENT_EXEC,
	EVENT_EXIT,
	EVENT_THREAD,
	EVENT_COPY,
	EVENT_WAIT,
};
struct event {
	__u32 kind;  /* enum event_kind */
	__u32 bytes; /* of the whole event */
};

/* A stack body, sent when its hash is not in the cache of those sent (`seen`): again after it fell
 * out of there, so a reader keeps the first. hash covers frames, end and seed; check is
 * independent. */
struct stack_event {
	struct event event;
	__u64 hash;
	__u32 check;
	__u16 n_frames;
	__u8 end; /* enum walk_end; WALK_ROOT for kernel stacks */
	__u8 kernel;
	struct frame frames[]; /* leaf first */
};
TYPES_ASSERT_SIZE(struct stack_event, 24);

struct sample_event {
	struct event event;
	__u64 time_ns;	     /* CLOCK_MONOTONIC */
	__u64 user_hash;     /* 0: none (kernel thread, -K) */
	__u64 kernel_hash;   /* 0: none (sampled in user mode, -U) */
	__u64 start_time_ns; /* of the thread: tid and this name it for ever */
	__u64 period;	     /* what it stands for, in counts of its event; of a wait nothing */
	__u32 user_check;
	__u32 kernel_check;
	__u32 tgid;
	__u32 tid;
	__u32 space; /* number of the address space, 0: not known */
	__u16 session;
	__u16 cpu;
	char comm[COMM_BYTES]; /* of the thread; may hold any byte */
};
TYPES_ASSERT_SIZE(struct sample_event, 88);

/* What a thread did while it was off the CPU. */
enum wait_state {
	WAIT_RUNNING,	/* it was not: on a CPU */
	WAIT_RUNNABLE,	/* preempted, or new: waited for a CPU all the time */
	WAIT_SLEEPING,	/* interruptible */
	WAIT_DISK,	/* uninterruptible */
	WAIT_STOPPED,	/* by SIGSTOP and its like */
	WAIT_TRACED,	/* by a debugger */
	WAIT_THROTTLED, /* its control group had used up its share of CPU */
	WAIT_STATES,
};

/* The most of period_ns, 4.3 s: a product with 32 bits fits. */
#define WAIT_PERIOD_NS_MAX (1ull << 32)

/* Below this many samples a second a session is one that is to cost little: fewer waits are walked,
 * too, in proportion. */
#define WAIT_HZ 99

/* A thread was off the CPU and is back: an interval between two switches, taken by the rule of
 * bpf/pace.h: for certain when d = blocked_ns + runnable_ns >= period_ns, else with chance
 * d / period_ns. So each stands for max(d, period_ns) / d of its kind. It may have begun before a
 * session did. The stacks are those that it waited with. */
struct wait_event {
	struct sample_event sample; /* kind EVENT_WAIT; time_ns: of the switch back; cpu: there;
				     * `session` means nothing */
	__u64 sessions;		    /* bits of those that take it */
	__u64 blocked_ns;	    /* until it was woken … */
	__u64 runnable_ns;	    /* … and from there on: the kernel's run_delay */
	__u64 period_ns;
	__u64 waker_hash; /* user stack of who ended it, with SESSION_WAKERS; 0: none, not known */
	__u64 waker_start_time_ns;
	__u32 waker_check;
	__u32 waker_tgid;
	__u32 waker_tid; /* 0: an interrupt (timer, device, network), or not known */
	__u32 state;	 /* enum wait_state */
	char waker_comm[COMM_BYTES];
};
TYPES_ASSERT_SIZE(struct wait_event, 168);

/* Before a sample or a wait whose walk met code that the engine has yet to learn of: what it takes
 * to walk again. Sent within a budget (copy.h). */
struct copy_event {
	struct event event;
	__u64 time_ns; /* of the sample */
	__u32 cpu;     /* of the sample */
	__u32 flags;   /* enum frame_flags of the leaf */
	__u64 pc;
	__u64 reg[16]; /* by DWARF number; [7] is the stack pointer */
	__u32 bytes;   /* of the stack, from the stack pointer up */
	__u32 cut;     /* not 0: there was no room for more of it */
	__u8 stack[];
};
TYPES_ASSERT_SIZE(struct copy_event, 168);
enum {
	COPY_BYTES_MAX = 20 << 10 /* whole pages but for the first */
};

/* fork (a new process, not a new thread), exec and exit (of the last thread) of a taken process. */
struct life_event {
	struct event event;
	__u64 time_ns;
	__u64 sessions; /* bits of those that take the process */
	__u32 tgid;
	__u32 parent;	 /* fork: the parent's tgid */
	__u32 space;	 /* the space it had; fork: inherits */
	__u32 exit_code; /* exit: as wait(2) has it; fork: 1: some session holds it */
	__u64 start_time_ns;
	char comm[COMM_BYTES];
};
TYPES_ASSERT_SIZE(struct life_event, 64);

/* What the kernel has accounted to a thread since its start. Also what BROKER_THREADS gives: an
 * array, one element a thread. */
struct thread_times {
	__u64 time_ns; /* CLOCK_MONOTONIC of this reading */
	__u64 start_time_ns;
	__u64 oncpu_ns;	   /* of a thread that is running, up to a tick ago */
	__u64 runnable_ns; /* waits for a CPU that have ended */
	__u64 sessions;	   /* bits of those that take the thread */
	__u32 tgid;
	__u32 tid;
	char comm[COMM_BYTES];
	__u64 off_ns;	    /* between its switches since it was first noted, with the interval that
			     * is under way; what is neither on the CPU by the kernel's account nor
			     * off it was stolen (or spent on interrupts) */
	__u64 off_since_ns; /* since when that one lasts; 0: on a CPU */
	__u32 state;	    /* enum wait_state, of that one */
	__u32 noted;	    /* 1: these three are known; else 0, all of them */
};
TYPES_ASSERT_SIZE(struct thread_times, 88);

/* A thread that is off the CPU, and its stack, for the engine to walk: what BROKER_SLEEPERS gives,
 * one behind the other, `bytes` each. */
struct sleeper {
	__u32 bytes; /* of the whole; a multiple of 8 */
	__u32 n_kernel;
	struct thread_times thread;
	__u32 space;
	__u32 flags; /* enum frame_flags of the user leaf */
	__u64 pc;    /* 0: no user registers (kernel thread); then n_stack is 0 */
	__u64 reg[16];
	__u32 n_stack; /* bytes of stack, from the stack pointer up */
	__u32 is_32bit;
	__u64 kernel[KERNEL_FRAMES_MAX]; /* leaf first, as FRAME_KERNEL has it; all are return
					  * addresses */
	__u8 stack[];
};
TYPES_ASSERT_SIZE(struct sleeper, 1264);
enum {
	SLEEPER_STACK_MAX = 28 << 10 /* a record must fit the kernel's buffer of 32 KiB */
};

/* A thread that was taken has ended: its last times. May come after the EVENT_EXIT of its process.
 */
struct thread_event {
	struct event event;
	struct thread_times thread;
};
TYPES_ASSERT_SIZE(struct thread_event, 96);

/* ---- maps */

/* filter: hash tgid → struct filter. The broker's alone; BPF changes it at fork, exec and exit. */
struct filter {
	__u64 take;    /* sessions that sample this process */
	__u64 held;    /* sessions that took it until an exec, or that are about to take it: samples
			* are counted, not taken, until the broker has judged the image. Goes before
			* `take` */
	__u64 keep;    /* sessions whose client may profile any process: an exec needs no new
			* judgement. The start of CMD is such an exec: `on_exec` becomes
			* `take` there */
	__u64 on_exec; /* sessions that take it from its next exec on (CMD) */
	__u64 children; /* sessions that take what it forks, too */
	__u64 threads;	/* sessions that take only threads in `threads` (-t) */
	__u32 space;	/* slot in `spaces`; 0: not known */
	__u32 execs;	/* so many since the entry was made: a judgement is of one image */
};
TYPES_ASSERT_SIZE(struct filter, 56);

/* One change of the filter, made by a BPF program in place, so that it meets fork, exec and exit
 * half-way nowhere. */
enum filter_op {
	FILTER_OP_TAKE = 1, /* id: tgid, flags: for a client that may profile any process */
	FILTER_OP_HOLD,	    /* id: tgid, flags: held until: says how many execs it has seen */
	FILTER_OP_RELEASE,  /* id: tgid, flags, execs: taken, if it is held and there was none since
			     */
	FILTER_OP_TAKE_THREAD, /* id: tid */
	FILTER_OP_SPACE,       /* id: tgid, space; of a session that takes all: makes an entry */
	FILTER_OP_DROP,	       /* id: tgid; says 1 when the session's bit was there */
	FILTER_OP_DROP_THREAD, /* id: tid */
	FILTER_OP_DROP_NOTED,  /* threads noted for this session alone; SESSIONS_MAX: all */
};
enum filter_flags { /* the values of enum broker_take_flags */
	FILTER_CHILDREN = 1 << 0,
	FILTER_ON_EXEC = 1 << 1,
	FILTER_THREADS = 1 << 2,
	FILTER_AGAIN = 1 << 3, /* only what the session has already */
};
struct filter_change {
	__u32 op; /* enum filter_op */
	__u32 session;
	__u32 id;
	__u32 flags;
	__u32 space;
	__u32 execs;
};
TYPES_ASSERT_SIZE(struct filter_change, 24);

/* everything: array of one u64, sessions that take every process but the idle one (-a). The
 * broker's alone, as the filter. threads: hash tid → u64 of sessions (-t), the broker's alone. */

/* seen: mmapable array of u64, the hash of the last body sent by each slot, hash & (SEEN_MAX - 1).
 * A reader that forgets a body takes its hash out of there first, and waits until samples that name
 * it without its body have come. */

/* sessions: mmapable array by session number. Written by the engine before the events start. */
enum session_flags {
	SESSION_USER = 1 << 0,	     /* user stacks (off: -K) */
	SESSION_KERNEL = 1 << 1,     /* kernel stacks (off: -U) */
	SESSION_BY_POINTER = 1 << 2, /* frame pointers only (--call-graph fp) */
	SESSION_OFF = 1 << 3,	     /* waits (struct wait_event) */
	SESSION_WAKERS = 1 << 4,     /* and who ended them */
};
struct session_config {
	__u32 flags; /* enum session_flags */
	__u32 thin;  /* one of 1 << thin ticks is taken, up to THIN_MAX; changed while they come */
	__u64 off_period_ns; /* the least period_ns of waits; BPF raises it to keep its budget */
	__u32 hz;	     /* of its samples; 0: as WAIT_HZ */
	__u32 miss_pause_ns; /* between wake-ups for samples whose walk missed something; the
			      * engine's, changed as it learns by them or not */
};
TYPES_ASSERT_SIZE(struct session_config, 24);
enum {
	THIN_MAX = 10
};

/* What the sessions with SESSION_OFF want of waits, together: a global of the programs, the
 * broker's. */
struct waits_wanted {
	__u64 sessions;
	__u64 wakers;	 /* of them, with SESSION_WAKERS */
	__u64 period_ns; /* the least off_period_ns */
	__u32 flags;	 /* SESSION_BY_POINTER only when all have it */
	__u32 first;	 /* of the sessions, by number: its `thin` is that of all */
	__u32 hz;	 /* the most of theirs, 1 to WAIT_HZ */
	__u32 pad;
};
TYPES_ASSERT_SIZE(struct waits_wanted, 40);

/* spaces: mmapable array by slot. The engine writes mappings elsewhere first, then flips `range` in
 * one store; memory that a walk under way may still read is reused only after 100 ms. */
struct space {
	__u64 range; /* first mapping << 32 | number of mappings; sorted by start */
};
enum {
	MAPPING_TABLE_PENDING = 0x7fffffff /* it is being made */
};
struct mapping {
	__u64 start; /* executable bytes [start, end) of the process */
	__u64 end;
	__u64 offset; /* file offset of start */
	__u32 object; /* the engine's number; 0: no file it could open (JIT code), a FRAME_RAW */
	__u32 table;  /* unwind rows of the object, 0: none; or MAPPING_TABLE_PENDING */
};
TYPES_ASSERT_SIZE(struct mapping, 32);

/* counters: mmapable array of CPUS_MAX rows, one a CPU, each written by its CPU alone. */
enum counter {
	COUNTER_RING_FULL_SAMPLE, /* samples the ring had no room for */
	COUNTER_RING_FULL_STACK,  /* samples whose stack body the ring had no room for */
	COUNTER_RING_FULL_LIFE,	  /* fork, exec, exit events likewise */
	COUNTER_FILTER_FULL,	  /* forked children that did not fit in the filter */
	COUNTER_BUSY,		  /* the walk's scratch memory was in use: nested programs */
	COUNTER_NO_KERNEL_STACK,  /* bpf_get_stack failed */
	COUNTER_THREADS_FULL,	  /* threads that did not even fit among those noted as they ended:
				   * nothing of them was told */
	COUNTER_SLEEPERS_TORN,	  /* threads that ran while their stack was copied, twice */
	COUNTERS,
};
/* What became of the intervals that threads of sessions with SESSION_OFF were off the CPU: seen =
 * skipped + sent + held + the lost ones. With their time, so that blocked time adds up. */
enum wait_count {
	WAITS_SEEN,
	WAITS_SKIPPED, /* by chance: those taken stand for them */
	WAITS_SENT,
	WAITS_HELD,	 /* between an exec and its judgement, or no session's any more */
	WAITS_OVERDUE,	 /* the walk did not come before the next switch */
	WAITS_BUSY,	 /* the scratch memory was in use */
	WAITS_RING_FULL, /* no room for the wait, or for a stack of its */
	WAITS,
};
struct cpu_counters {
	__u64 counter[16];
	__u64 walk_end[16]; /* by enum walk_end, user walks */
	__u64 waits[8];	    /* by enum wait_count */
	__u64 waits_ns[8];
	__u64 spent_ns; /* in sampler_tick, and on walks of waits and wakers */
	__u64 exec_new; /* an exec of a new program has not woken the engine yet; no counter */
	__u64 execs;	/* those since one woke it; no counter */
	__u64 pad[13];
};
TYPES_ASSERT_SIZE(struct cpu_counters, 512);

/* ticks: mmapable array [session * CPUS_MAX + cpu]: what became of each run of the program. Events'
 * firings (count / period) - runs = firings the kernel did not deliver. */
struct ticks {
	__u64 runs;
	__u64 elsewhere; /* not a process of this session, or idle */
	__u64 held;	 /* between an exec and its judgement */
	__u64 sampled;	 /* samples put into the ring */
	__u64 lost;	 /* wanted, but lost: named in cpu_counters and below */
	__u64 lost_ring;
	__u64 lost_busy;
	__u64 thinned; /* left out, for the session's samples to cost less */
};
TYPES_ASSERT_SIZE(struct ticks, 64);
