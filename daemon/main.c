/* SPDX-License-Identifier: Apache-2.0 */
/* probed: the server of probe. This process becomes the broker; before that it forks the engine and
 * does what only root can. As a daemon it listens on a socket; `probe` without a daemon starts it
 * for one recording, as `probed --embedded FD` with one end of a socket pair. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/err.h"
#include "daemon/audit.h"
#include "daemon/authority.h"
#include "daemon/broker.h"
#include "daemon/config.h"
#include "daemon/engine.h"
#include "daemon/launch.h"
#include "daemon/listener.h"
#include "daemon/privileges.h"

static const char usage[] =
	"Usage: probed [--socket PATH] [--config FILE] [--check]\n"
	"Serves recordings to `probe`, in the foreground.\n"
	"  --socket PATH   listens there (" LISTENER_PATH ")\n"
	"  --config FILE   who may do what (" CONFIG_PATH
	", where there is one), and FILE.d/*.conf\n"
	"  --check         says what the configuration comes to, or what is wrong with it\n"
	"  --embedded FD   serves the one client on this socket: `probe` without a daemon\n"
	"  --version  --help\n";

static int complain(const struct err *err)
{
	audit_problem("%s", err->msg);
	if (err->hint[0])
		fprintf(stderr, "  hint: %s\n", err->hint);
	return err->status ? err->status : ERR_FAILED;
}

static int refuse(const char *what, const char *word)
{
	struct err err = {0};
	err_set(&err, -EINVAL, ERR_USAGE, "%s%s", what, word);
	err_hint(&err, "--help lists the options");
	return complain(&err);
}

static int only_root(struct err *err)
{
	if (geteuid() == 0)
		return 0;
	err_set(err, -EPERM, ERR_PERMISSION, "only root may start it");
	err_hint(err, "use sudo");
	return -EPERM;
}

/* Forks the engine, gives up what the broker does not keep. The rest of main is broker_run(). */
static int become_broker(launch_run *run, int socket, struct launch_engine *engine, int *program,
			 struct err *err)
{
	int code = launch_engine(run, socket, engine, err);
	if (code)
		return code;
	/* Missing, it is named when the engine asks for a worker: a recording without names. */
	launch_open_program("probe-symbolizer", program, NULL);
	return privileges_keep(err);
}

/* A client's socket that came by inheritance; every other fd is closed. */
static int inherit_socket(const char *number, int *socket, struct err *err)
{
	char *end;
	errno = 0;
	long fd = strtol(number, &end, 10);
	struct stat stat;
	if (end == number || *end || errno || fd <= STDERR_FILENO || fd >= INT_MAX ||
	    fstat(fd, &stat) < 0 || !S_ISSOCK(stat.st_mode))
		return err_set(err, -EINVAL, ERR_USAGE, "--embedded: %s is not an open socket",
			       number);
	if (fd > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, fd - 1, 0);
	close_range(fd + 1, ~0u, 0);
	*socket = fd;
	return 0;
}

/* Ctrl-C on the client's terminal, a closed terminal: the client decides what they mean. */
static void leave_terminal(void)
{
	setsid(); /* fails for the leader of a group, which a terminal's signals reach, too: */
	unsetenv("NOTIFY_SOCKET"); /* if there is one, it is for the client's service */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	/* What the client blocked for itself. */
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static struct authority authority;

static int run_embedded(const char *number)
{
	struct err err = {0};
	struct launch_engine engine = {.broker_socket = -1, .pidfd = -1};
	struct config config;
	int client = -1, program = -1;
	config_init(&config);
	if (inherit_socket(number, &client, &err) || only_root(&err) ||
	    authority_init(&authority, &config, client, &err))
		return complain(&err);
	leave_terminal();
	if (become_broker(engine_run, client, &engine, &program, &err))
		return complain(&err);
	close(client);
	launch_quiet();
	return broker_run(engine.broker_socket, program, -1, engine.pidfd, &authority);
}

/* What the broker does with SIGTERM and SIGINT: the engine ends its clients' recordings, and then
 * itself, on which the broker follows. */
static volatile sig_atomic_t engine_pidfd = -1, is_stopping;

static void on_stop(int signal)
{
	is_stopping = 1;
	pidfd_send_signal(engine_pidfd, SIGTERM, NULL, 0);
}

/* Before the socket exists: who sees the socket can rely on SIGTERM. Until there is an engine the
 * signals wait; the engine inherits them blocked, and reads them from a signalfd. */
static void block_stops(sigset_t *before)
{
	sigset_t stops;
	sigemptyset(&stops);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGINT);
	sigprocmask(SIG_BLOCK, &stops, before);
	signal(SIGPIPE, SIG_IGN);
}

/* SIGHUP, from now on; the engine inherits that it is blocked. */
static int open_reload(struct err *err)
{
	sigset_t reload;
	sigemptyset(&reload);
	sigaddset(&reload, SIGHUP);
	sigprocmask(SIG_BLOCK, &reload, NULL);
	int fd = signalfd(-1, &reload, SFD_CLOEXEC);
	return fd >= 0 ? fd
		       : err_set(err, -errno, ERR_FAILED, "cannot wait for signals: %s",
				 strerror(errno));
}

static void take_stops(int pidfd, const sigset_t *before)
{
	const struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
	engine_pidfd = pidfd;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigset_t open = *before;
	sigaddset(&open, SIGHUP);
	sigdelset(&open, SIGTERM);
	sigdelset(&open, SIGINT);
	sigprocmask(SIG_SETMASK, &open, NULL);
}

/* Who may not use the daemon anyway does not get as far as asking. */
static int listen_on(const char *path, const struct config *config,
		     struct listener_socket *listening, struct err *err)
{
	if (config->who == CONFIG_EVERYBODY)
		return listener_open(path, 0666, CONFIG_NO_GROUP, listening, err);
	if (config->who == CONFIG_GROUP_ONLY && config->group != CONFIG_NO_GROUP)
		return listener_open(path, 0660, config->group, listening, err);
	return listener_open(path, 0600, CONFIG_NO_GROUP, listening, err);
}

static int check(const char *config_path)
{
	struct err err = {0};
	struct config config;
	config_init(&config);
	if (config_read(&config, config_path, &err))
		return complain(&err);
	config_print(&config, stdout);
	return EXIT_SUCCESS;
}

static int run_daemon(const char *path, const char *config_path)
{
	struct err err = {0};
	struct launch_engine engine = {.broker_socket = -1, .pidfd = -1};
	struct listener_socket listening = {.fd = -1};
	struct config config;
	int program = -1;
	sigset_t before;
	config_init(&config);
	if (only_root(&err) || config_read(&config, config_path, &err))
		return complain(&err);
	block_stops(&before);
	int reload = open_reload(&err);
	if (reload < 0 || listen_on(path, &config, &listening, &err))
		return complain(&err);
	int code = authority_init(&authority, &config, listening.fd, &err);
	authority.config_path = config_path;
	if (!code)
		code = become_broker(engine_serve, listening.fd, &engine, &program, &err);
	close(listening.fd);
	if (code) {
		listener_remove(&listening);
		return complain(&err);
	}
	take_stops(engine.pidfd, &before);
	sd_notify(0, "READY=1");
	code = broker_run(engine.broker_socket, program, reload, engine.pidfd, &authority);
	listener_remove(&listening);
	if (is_stopping)
		return code;
	err_set(&err, -EPIPE, ERR_FAILED, "the engine ended unasked");
	return complain(&err);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"embedded", required_argument, NULL, 'e'},
		{"socket", required_argument, NULL, 's'},
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'C'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	const char *embedded = NULL, *path = NULL, *config = NULL;
	bool checks = false;
	opterr = 0;
	for (int option; (option = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
		switch (option) {
		case 'e':
			embedded = optarg;
			break;
		case 's':
			path = optarg;
			break;
		case 'c':
			config = optarg;
			break;
		case 'C':
			checks = true;
			break;
		case 'v':
			puts("probed " VERSION);
			return EXIT_SUCCESS;
		case 'h':
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		case ':':
			return refuse("no value after ", argv[optind - 1]);
		default:
			return refuse("no option ", argv[optind - 1]);
		}
	}
	if (optind != argc)
		return refuse("it takes options alone, and not ", argv[optind]);
	if (embedded && (path || config || checks))
		return refuse("--embedded goes with no other option", "");
	if (checks)
		return check(config);
	return embedded ? run_embedded(embedded) : run_daemon(path ? path : LISTENER_PATH, config);
}
