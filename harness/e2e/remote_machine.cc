// A machine whose kernel is reached by ssh alone: how do end-to-end tests get one?
#include "harness/e2e/remote_machine.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "harness/agent_client.h"
#include "harness/base/text.h"
#include "harness/kernel/data_dir.h"
#include "harness/kernel/kernel_store.h"
#include "tools/ctest/places.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMac = "52:54:00:aa:00:07";
constexpr const char* kOtherMac = "52:54:00:aa:00:08";

/// A port that was free a moment ago.
Result<uint16_t> free_port() {
  const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return system_error("find a free port", errno);
  }
  return ntohs(address.sin_port);
}

/// The management interface is the second of two, and the first takes a name before it.
std::vector<std::string> qemu_argv(const fs::path& kernel, const fs::path& payload, const fs::path& console,
                                   uint16_t port) {
  return {"qemu-system-x86_64",
          "-name",
          "holdfast-remote",
          "-machine",
          "q35,sata=off,smbus=off",  //
          "-accel",
          "tcg,thread=multi",
          "-cpu",
          "max",
          "-m",
          "1024M",  // with less, the scratch area of a kexec handover leaves no memory to boot in
          "-nodefaults",
          "-nographic",
          "-no-reboot",  //
          "-chardev",
          fmt::format("file,id=console,path={}", console.string()),  //
          "-device",
          "isa-serial,chardev=console",  //
          "-netdev",
          "user,id=other,restrict=on",  //
          "-device",
          fmt::format("virtio-net-pci,netdev=other,mac={},addr=0x03,romfile=", kOtherMac),  //
          "-netdev",
          fmt::format("user,id=management,restrict=on,hostfwd=tcp:127.0.0.1:{}-:22", port),
          "-device",
          fmt::format("virtio-net-pci,netdev=management,mac={},addr=0x04,romfile=", kMac),  //
          "-kernel",
          kernel.string(),
          "-initrd",
          payload.string(),
          "-append",
          RemoteMachine::kCmdline};
}

}  // namespace

RemoteAccess RemoteMachine::access(const Keys& host, const Keys& client) {
  // What QEMU's user network gives its guest, which is all that it forwards to.
  return {.network = {.mac = kMac, .address = "10.0.2.15/24", .gateway = "10.0.2.2", .routes = {}, .mtu = 1400},
          .ssh = {.host_key = host.secret, .authorized = client.line}};
}

Keys RemoteMachine::make_keys(const fs::path& folder, const std::string& name) {
  Keys keys{.file = folder / name, .secret = {}, .line = {}};
  const auto made = run({.argv = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", keys.file.string()}},
                        Deadline::after(Millis(60'000)));
  if (!made || !made->status.success()) return keys;
  keys.secret = *read_file(keys.file);
  keys.line = trim(*read_file(keys.file.string() + ".pub"));
  return keys;
}

Result<std::unique_ptr<RemoteMachine>> RemoteMachine::start(const fs::path& folder, const RemoteAccess& access) {
  const Deadline deadline = Deadline::after(Millis(120'000));
  const KernelImage kernel = TRY(KernelStore(TRY(cache_dir())).resolve("reference", deadline));
  PayloadSpec spec{.agent = agent_program(), .files = {}, .modules = kernel.modules, .remote = access};
  const Payload shared = TRY(cached_payload(spec, folder / "cache", deadline));
  spec.files = {kernel.path, shared.path};
  const Payload payload = TRY(write_payload(spec, folder / "payload.cpio", deadline));
  std::unique_ptr<RemoteMachine> machine(new RemoteMachine(folder, kernel.sha256, shared.sha256));
  TRY(machine->power_on(kernel.path, payload.path));
  return machine;
}

Result<void> RemoteMachine::power_on(const fs::path& kernel, const fs::path& payload) {
  const fs::path words = folder_ / "qemu.log";
  // Somebody may take the port between the look and QEMU's own bind: then QEMU ends at once.
  for (int attempt = 0; attempt < 5; ++attempt) {
    port_ = TRY(free_port());
    const Fd log = TRY(open_file(words, O_WRONLY | O_CREAT | O_TRUNC));
    qemu_ = TRY(
        Process::start({.argv = qemu_argv(kernel, payload, folder_ / "console.log", port_), .stderr_fd = log.get()}));
    if (console_says("holdfast-agent", Deadline::after(Millis(180'000)))) return {};
  }
  return lab_error("vm", "QEMU does not stay up").with("its words", *read_file(words)).with("console", console());
}

std::vector<std::string> RemoteMachine::ssh_argv(const Keys& client, const Keys& host,
                                                 std::vector<std::string> command) const {
  const fs::path known = host.file.string() + ".known";
  static_cast<void>(write_file(known, fmt::format("target {}\n", host.line)));
  std::vector<std::string> argv{"ssh", "-F", "none", "-T", "-p", fmt::format("{}", port_), "-i", client.file.string()};
  for (const std::string& option :
       {std::string("BatchMode=yes"), std::string("IdentitiesOnly=yes"), std::string("IdentityAgent=none"),
        std::string("StrictHostKeyChecking=yes"), std::string("HostKeyAlias=target"), std::string("ConnectTimeout=60"),
        std::string("GlobalKnownHostsFile=/dev/null"), "UserKnownHostsFile=" + known.string(),
        std::string("ServerAliveInterval=15")}) {
    argv.insert(argv.end(), {"-o", option});
  }
  argv.emplace_back("root@127.0.0.1");
  argv.insert(argv.end(), command.begin(), command.end());
  return argv;
}

Output RemoteMachine::ssh(const Keys& client, const Keys& host, std::vector<std::string> command) const {
  auto output = run({.argv = ssh_argv(client, host, std::move(command))}, Deadline::after(Millis(180'000)));
  if (output) return *std::move(output);
  return {.status = {.code = -1, .signal = 0}, .out = {}, .err = output.error().what};
}

Result<std::unique_ptr<Agent>> RemoteMachine::connect(const Keys& client, const Keys& host, const Deadline& deadline) {
  while (true) {
    bridge_.reset();
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
      return system_error("make a socket pair", errno);
    }
    Fd ours(ends[0]);
    Fd theirs(ends[1]);
    const Fd words = TRY(open_file(folder_ / "ssh.log", O_WRONLY | O_CREAT | O_APPEND));
    bridge_ = TRY(Process::start({.argv = ssh_argv(client, host, {wire::kBridgeCommand}),
                                  .stdin_fd = theirs.get(),
                                  .stdout_fd = theirs.get(),
                                  .stderr_fd = words.get()}));
    theirs.reset();  // so that an ssh which gives up ends the wait
    auto agent = LinkAgent::adopt(std::move(ours), deadline.at_most(Millis(90'000)));
    if (agent || deadline.expired()) return agent;
    wait_until(deadline.at_most(Millis(200)));
  }
}

std::string RemoteMachine::console() const {
  auto text = read_file(folder_ / "console.log");
  return text ? *std::move(text) : std::string();
}

bool RemoteMachine::console_says(const std::string& text, const Deadline& deadline) const {
  constexpr Millis kLook{20};
  while (console().find(text) == std::string::npos) {
    if (deadline.expired() || (qemu_ && wait_readable(qemu_->pidfd(), deadline.at_most(kLook)) == Wake::kReady)) {
      return console().find(text) != std::string::npos;
    }
  }
  return true;
}

}  // namespace holdfast::e2e
