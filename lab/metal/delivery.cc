// How do the agent, kernels and payloads get to a host, and how is the agent there spoken to?
#include "lab/metal/delivery.h"

#include <fmt/format.h>

#include <utility>

#include "harness/agent_client.h"
#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;

/// An agent that is free says hello at once, as fast as the way to it is; one that does not is kept by a connection
/// that broke.
constexpr Millis kHello{5000};
/// Between two tries to reach an agent that is about to listen, or about to go.
constexpr Millis kPause{100};
/// The exit code of a shell that may not execute what it found.
constexpr int kCannotExecute = 126;

constexpr const char* kPrepare = R"(set -eu
umask 077
for folder in "$1" "$2"; do
  mkdir -p "$folder"
  if [ -L "$folder" ] || [ ! -O "$folder" ]; then echo "$folder is not this user's own folder" >&2; exit 9; fi
  chmod 700 "$folder"
done
find "$1" -maxdepth 1 -type f -mtime +7 -delete
probe=$1/probe.$$
trap 'rm -f "$probe"' EXIT
printf '#!/bin/sh\nexit 0\n' > "$probe"
chmod 700 "$probe"
"$probe"
)";

/// Exit code 1: it is not there, or is not what its name says.
constexpr const char* kIsThere = R"([ -f "$1" ] || exit 1
sum=$(sha256sum < "$1")
[ "${sum%% *}" = "$2" ] || exit 1
touch "$1"
)";

constexpr const char* kJoin = R"(set -eu
umask 077
mkdir -p "$2"
part=$2/joining.$$
trap 'rm -f "$part"' EXIT
cat "$1" - > "$part"
sum=$(sha256sum < "$part")
[ "${sum%% *}" = "$3" ] || { echo "what was joined has the checksum ${sum%% *}" >&2; exit 1; }
mv -f "$part" "$2/$3"
)";

/// systemd ends what a login has started with it, where it is told to (KillUserProcesses in logind.conf(5)); a scope of
/// its own is no part of the login.
constexpr const char* kStart = R"(if [ -d /run/systemd/system ] && command -v systemd-run > /dev/null; then
  exec systemd-run --scope --quiet --collect -- "$@"
fi
exec "$@"
)";

/// Bridges that others left: whoever holds the host's lease is alone there.
constexpr const char* kEndBridges = R"sh(for process in /proc/[0-9]*; do
  case "$(tr '\0' ' ' 2> /dev/null < "$process/cmdline")" in
    *" --bridge $1 ") kill "${process#/proc/}" 2> /dev/null ;;
  esac
done
true
)sh";

std::vector<std::string> script(const char* text, const std::vector<std::string>& arguments) {
  std::vector<std::string> argv{"sh", "-c", text, "sh"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

bool nobody_listens(std::string_view bridge_words) {
  return bridge_words.find("Connection refused") != std::string_view::npos ||
         bridge_words.find("No such file") != std::string_view::npos;
}

std::string words_of(const Ssh::Bridge& bridge) {
  auto text = read_file(bridge.errors, size_t{1} << 16);
  return text ? *std::move(text) : std::string();
}

}  // namespace

Result<HostAgent> bridge_to_agent(Ssh& ssh, const std::vector<std::string>& bridge_argv, const std::string& not_boot_id,
                                  const Deadline& deadline) {
  HostAgent host{.bridge = TRY(ssh.bridge(bridge_argv)), .link = nullptr, .agent = nullptr};
  host.link = std::make_shared<Link>(TRY(Link::over(std::move(host.bridge.socket), {.fd = ssh.pidfd()})));
  auto agent = LinkAgent::adopt(host.link, not_boot_id, deadline);
  if (!agent) return std::move(agent.error()).with("bridge", printable(words_of(host.bridge)));
  host.agent = *std::move(agent);
  return host;
}

Result<Delivery> Delivery::open(Ssh& ssh, const HostPlaces& places, const Deadline& deadline) {
  const auto prepared = TRY(ssh.run(script(kPrepare, {places.work_dir.string(), places.run_dir.string()}), deadline));
  if (prepared.status.success()) return Delivery(ssh, places);
  const std::string where = fmt::format("work_dir {} of {}", places.work_dir.string(), ssh.access().host.address);
  if (prepared.status.code == kCannotExecute) {
    return lab_error("work-dir", fmt::format("{}: no program can be run from there", where))
        .because("it is mounted noexec; name another work_dir in the inventory");
  }
  return lab_error("work-dir", fmt::format("{}: {}", where, printable(trim(last_lines(trim(prepared.err), 1)))));
}

Result<std::string> Delivery::bring(const fs::path& local, const Deadline& deadline) {
  const std::string digest = TRY(sha256_file(local));
  const std::string remote = (places_.work_dir / digest).string();
  if (TRY(ssh_->run(script(kIsThere, {remote, digest}), deadline)).status.success()) return digest;
  TRY(ssh_->send_file({.local = local, .remote = remote, .mode = 0700, .sha256 = digest}, deadline));
  return digest;
}

Result<std::string> Delivery::join_secret(const std::string& sha256, const fs::path& base_copy, const fs::path& end,
                                          const Deadline& deadline) {
  const std::string tail = TRY(read_file(end));
  const std::string whole = Digest().add(TRY(read_file(base_copy))).add(tail).hex();
  TRY(ssh_->ask(script(kJoin, {(places_.work_dir / sha256).string(), places_.secret_files().string(), whole}), deadline,
                tail));
  return whole;
}

Result<void> Delivery::start_agent(const std::string& build, const Deadline& deadline) {
  constexpr int kSomebodyListens = 2;
  const auto started =
      TRY(ssh_->run(script(kStart, {(places_.work_dir / build).string(), "--listen", places_.socket().string(),
                                    "--files", places_.work_dir.string(), "--detach"}),
                    deadline));
  if (started.status.success() || started.status.code == kSomebodyListens) return {};
  return lab_error("agent", fmt::format("start the agent on {}: {}: {}", ssh_->access().host.address,
                                        started.status.describe(), printable(trim(last_lines(trim(started.err), 1)))))
      .with("stderr", printable(last_lines(started.err, 40)));
}

Result<void> Delivery::make_room(HostAgent old, const Deadline& deadline) {
  const auto retired = old.agent->call(wire::Retire{}, deadline);
  if (retired) {
    static_cast<void>(old.bridge.process.wait(deadline));  // the agent closes its end when it goes
    return {};
  }
  if (retired.error().blame == Blame::kLab) return retired.error();
  return lab_error("agent-busy", fmt::format("an agent of another build runs on {}: {}", ssh_->access().host.address,
                                             retired.error().what))
      .because(fmt::format("make sure that nobody needs it, then end it there: pkill -TERM -f 'listen {}'",
                           places_.socket().string()));
}

Result<void> Delivery::end_old_bridges(const Deadline& deadline) {
  TRY(ssh_->ask(script(kEndBridges, {places_.socket().string()}), deadline));
  return {};
}

Result<HostAgent> Delivery::agent(const fs::path& program, const Deadline& deadline) {
  const std::string build = TRY(bring(program, deadline));
  const std::vector<std::string> bridge{(places_.work_dir / build).string(), "--bridge", places_.socket().string()};
  bool ended_bridges = false;
  int more_tries = 5;  // an agent that is about to go may hang up on us
  while (true) {
    auto host = bridge_to_agent(*ssh_, bridge, "", deadline.at_most(kHello + ssh_->login_took()));
    if (host && host->agent->hello().agent_build == build) return host;
    if (host) {
      TRY(make_room(*std::move(host), deadline));
    } else if (!host.error().evidence.empty() && nobody_listens(host.error().evidence.back().text)) {
      TRY(start_agent(build, deadline));
    } else if (host.error().kind == "timeout" && !ended_bridges) {
      TRY(end_old_bridges(deadline));
      ended_bridges = true;
    } else if (host.error().kind == "timeout") {
      return lab_error("agent-busy", fmt::format("the agent of {} answers nobody", ssh_->access().host.address));
    } else if (host.error().kind != "link" || !ssh_->alive() || --more_tries == 0) {
      return host;
    }
    if (wait_until(deadline.at_most(kPause)) == Wake::kStopped) return wait_error(Wake::kStopped, "the agent");
    if (deadline.expired()) return wait_error(Wake::kDeadline, "hello from the host's agent");
  }
}

}  // namespace holdfast::lab
