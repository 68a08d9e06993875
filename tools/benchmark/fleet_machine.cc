// What does a machine look like that is all answers and no work? A stand-in for QEMU, for tools/bench --fleet.
//
// Put into PATH under QEMU's name, it is started as QEMU is, takes its sockets, speaks QMP and the agent's protocol,
// and "boots" by waiting. So hundreds of targets can be driven at once, through all of the controller and over real
// sockets, on a computer that could not run ten of them. It knows what a case needs that replaces the kernel and looks
// at PCI; all else it refuses.
//
// From the environment: HOLDFAST_FLEET_BUILD_ID and HOLDFAST_FLEET_RELEASE, of the kernel that it claims to run, and
// HOLDFAST_FLEET_BOOT_MS, how long each boot takes.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/digest.h"
#include "harness/base/fd.h"
#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/wire/codec.h"
#include "harness/wire/verbs_pci.h"
#include "harness/wire/verbs_system.h"

namespace holdfast {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kFunctions = 20;
constexpr size_t kConfigBytes = 4096;

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// The listening sockets that QEMU's -chardev arguments name: id, descriptor.
std::map<std::string, int> sockets_in(const std::vector<std::string>& argv) {
  std::map<std::string, int> sockets;
  for (const std::string& word : argv) {
    if (!word.starts_with("socket,id=")) continue;
    std::string id;
    for (const std::string_view part : split(word, ',')) {
      if (part.starts_with("id=")) id = part.substr(3);
      if (part.starts_with("fd=")) sockets[id] = static_cast<int>(parse_u64(part.substr(3)).value_or(0));
    }
  }
  return sockets;
}

std::string value_after(const std::vector<std::string>& argv, std::string_view option) {
  for (size_t i = 0; i + 1 < argv.size(); ++i) {
    if (argv[i] == option) return argv[i + 1];
  }
  return "";
}

/// Endpoints of the root complex that differ in their addresses only; config spaces as empty as they may be.
wire::PciListReply functions() {
  wire::PciListReply reply;
  for (int i = 0; i < kFunctions; ++i) {
    const std::string bdf = fmt::format("0000:00:{:02x}.0", i + 1);
    reply.functions.push_back({.bdf = bdf,
                               .path = bdf,
                               .vendor = 0x1234,
                               .device = 0x11e8,
                               .class_code = 0x00ff00,
                               .driver = "",
                               .reset_methods = {},
                               .resources = {},
                               .config_size = kConfigBytes});
    wire::Bytes config(kConfigBytes);
    for (const auto& [at, value] : {std::pair{0, 0x34}, {1, 0x12}, {2, 0xe8}, {3, 0x11}, {11, 0xff}}) {
      config[static_cast<size_t>(at)] = static_cast<std::byte>(value);
    }
    reply.blob.insert(reply.blob.end(), config.begin(), config.end());
  }
  return reply;
}

class Machine {
 public:
  explicit Machine(const std::vector<std::string>& argv)
      : boot_time_(parse_u64(from_environment("HOLDFAST_FLEET_BOOT_MS")).value_or(0)),
        cmdline_(value_after(argv, "-append")) {
    for (const auto& [id, fd] : sockets_in(argv)) {
      clients_[id] = Fd(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC));
      ::close(fd);
    }
    static_cast<void>(write_all(qmp(), R"({"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, )"
                                       R"("package": "fleet"}, "capabilities": []}})"
                                       "\r\n")
                          .ok());
    boot();
  }

  /// Until the controller ends it, or its agent's link.
  void run() {
    while (true) {
      std::array<pollfd, 3> fds{{{.fd = qmp(), .events = POLLIN, .revents = 0},
                                 {.fd = agent(), .events = POLLIN, .revents = 0},
                                 {.fd = clients_["console"].get(), .events = POLLIN, .revents = 0}}};
      if (::poll(fds.data(), fds.size(), until_up()) < 0 && errno != EINTR) return;
      if (up_at_ && Clock::now() >= *up_at_) greet();
      std::string bytes;
      if (fds[2].revents != 0 && !take(fds[2].fd, bytes)) return;
      bytes.clear();
      if (fds[0].revents != 0 && !take(fds[0].fd, bytes)) return;
      answer_qmp(bytes);
      bytes.clear();
      if (fds[1].revents != 0 && !take(fds[1].fd, bytes)) return;
      frames_.feed(bytes);
      while (auto came = frames_.next()) {
        // As in a kernel that is not up yet, what comes meanwhile is lost.
        if (auto* message = std::get_if<wire::Message>(&*came); message != nullptr && !up_at_) answer(*message);
      }
    }
  }

 private:
  int qmp() { return clients_["qmp"].get(); }
  int agent() { return clients_["agent"].get(); }

  int until_up() const {
    if (!up_at_) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*up_at_ - Clock::now()).count();
    return left > 0 ? static_cast<int>(left) : 0;
  }

  static bool take(int fd, std::string& into) {
    std::array<char, 65536> piece;
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got > 0) into.append(piece.data(), static_cast<size_t>(got));
    return got > 0;
  }

  void boot() { up_at_ = Clock::now() + std::chrono::milliseconds(boot_time_); }

  wire::Hello hello() const {
    return {.agent_build = "fleet",
            .boot_id = boot_id_,
            .release = from_environment("HOLDFAST_FLEET_RELEASE"),
            .version = "fleet",
            .cmdline = cmdline_,
            .build_id = from_environment("HOLDFAST_FLEET_BUILD_ID"),
            .uptime_ms = boot_time_,
            .is_init = true,
            .warnings = {}};
  }

  void greet() {
    up_at_.reset();
    boot_id_ = random_hex(16);
    static_cast<void>(write_all(clients_["console"].get(), fmt::format("up, boot_id {}\r\n", boot_id_)).ok());
    send(wire::make_event(hello()));
  }

  void send(const wire::Message& message) { static_cast<void>(write_all(agent(), wire::encode_frame(message)).ok()); }

  /// Each request is a line; the id is the controller's own, and the last member.
  void answer_qmp(const std::string& lines) {
    for (const std::string_view line : split(lines, '\n')) {
      const size_t id = line.rfind("\"id\":");
      if (id == std::string_view::npos) continue;
      const bool status = line.find("query-status") != std::string_view::npos;
      static_cast<void>(
          write_all(qmp(), fmt::format("{{\"return\": {}, {}\r\n",
                                       status ? R"({"status": "running", "singlestep": false, "running": true})" : "{}",
                                       line.substr(id)))
              .ok());
    }
  }

  void answer(wire::Message& message) {
    const auto envelope = wire::open_envelope(message);
    if (!envelope) return;
    if (envelope->kind == wire::Envelope::Kind::kEvent) {
      if (envelope->name == wire::Leaving::kEvent) boot();  // the controller's word that it heard
      return;
    }
    const uint64_t id = envelope->id;
    if (envelope->name == wire::Hello::kVerb) return send(wire::make_reply(id, hello()));
    if (envelope->name == wire::PciList::kVerb) return send(wire::make_reply(id, functions()));
    if (envelope->name == wire::Have::kVerb) return send(wire::make_reply(id, wire::HaveReply{.have = true}));
    if (envelope->name == wire::Kmsg::kVerb) {
      return send(wire::make_reply(id, wire::KmsgReply{.next_seq = 1, .complete = true, .blob = {}}));
    }
    if (envelope->name == wire::KexecLoad::kVerb) {
      if (const auto load = wire::decode<wire::KexecLoad>(*envelope, {})) next_cmdline_ = load->cmdline;
      return send(wire::make_reply(id, wire::Empty{}));
    }
    if (envelope->name == wire::KexecExecute::kVerb) {
      cmdline_ = next_cmdline_;
      return send(wire::make_event(wire::Leaving{.uptime_ms = boot_time_}));
    }
    send(wire::make_refusal(
        id, {.origin = "agent", .what = fmt::format("a simulated machine does not know {}", envelope->name)}));
  }

  const uint64_t boot_time_;
  std::string cmdline_;
  std::string next_cmdline_;
  std::string boot_id_;
  std::map<std::string, Fd> clients_;
  wire::FrameReader frames_;
  std::optional<Clock::time_point> up_at_;  ///< while it boots
};

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  holdfast::Machine(std::vector<std::string>(argv, argv + argc)).run();
  return 0;
}
