// What must process 1 do so that a bare kernel becomes a target?
//
// Mount the file systems that the kernel speaks through; load the modules of the payload in their order; open the link
// (a virtio port by its name, else the second serial port), hold there when told to; then serve it for ever. A payload
// that describes a network makes its machine reachable by that instead: interface, sshd, and a unix socket for those
// that sshd lets in. Since each of these links can be cut, the console is a second way to find out that the agent
// lives.
#include "harness/agent/init.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/reboot.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "harness/agent/daemon.h"
#include "harness/agent/hold.h"
#include "harness/agent/identity.h"
#include "harness/agent/network.h"
#include "harness/agent/roll_call.h"
#include "harness/agent/server.h"
#include "harness/agent/ssh_service.h"
#include "harness/agent/sysfs.h"
#include "harness/agent/unix_socket.h"
#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;
using Warnings = std::vector<std::string>;

constexpr const char* kPortName = "holdfast.agent";
constexpr const char* kSerialPort = "/dev/ttyS1";
constexpr const char* kModuleList = "/holdfast/modules.list";
constexpr const char* kCarried = "/holdfast/files";
constexpr const char* kSeed = "/holdfast/seed";
constexpr const char* kWork = "/run/holdfast";

/// True when it is mounted now, whoever did it.
bool mount_at(const char* type, const char* folder, Warnings& warnings, const char* options = nullptr) {
  ::mkdir(folder, 0755);
  if (::mount(type, folder, type, 0, options) == 0 || errno == EBUSY) return true;
  warnings.push_back(fmt::format("mount {} at {}: {}", type, folder, errno_name(errno)));
  return false;
}

void mount_all(Warnings& warnings) {
  mount_at("proc", "/proc", warnings);
  mount_at("sysfs", "/sys", warnings);
  if (!mount_at("devtmpfs", "/dev", warnings) && mount_at("tmpfs", "/dev", warnings)) {
    // Enough to speak and be spoken to. Numbers from Documentation/admin-guide/devices.txt.
    ::mknod("/dev/console", S_IFCHR | 0600, makedev(5, 1));
    ::mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3));
    ::mknod("/dev/kmsg", S_IFCHR | 0600, makedev(1, 11));
    ::mknod(kSerialPort, S_IFCHR | 0600, makedev(4, 65));
  }
  mount_at("devpts", "/dev/pts", warnings);
  mount_at("tmpfs", "/run", warnings, "mode=0755");
  mount_at("tmpfs", "/tmp", warnings, "mode=1777");
  // Optional: shows KHO's trees, and a kernel may well be without it.
  Warnings ignored;
  mount_at("debugfs", "/sys/kernel/debug", ignored);
}

/// A program whose standard descriptors are closed gives their numbers to the next files that it opens.
void open_console() {
  const int console = ::open("/dev/console", O_RDWR | O_NOCTTY);
  if (console < 0) return;
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (console != standard) ::dup2(console, standard);
  }
  if (console > STDERR_FILENO) ::close(console);
}

void load_module(const std::string& path, Warnings& warnings) {
  // Source: include/uapi/linux/module.h: the kernel unpacks the file itself.
  constexpr int kCompressed = 4;
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const int flags = path.ends_with(".ko") ? 0 : kCompressed;
  if (file && (::syscall(SYS_finit_module, file.get(), "", flags) == 0 || errno == EEXIST)) return;
  warnings.push_back(fmt::format("module {}: {}", path, errno_name(errno)));
}

void load_modules(Occupation& occupation, Warnings& warnings) {
  const auto list = read_file(kModuleList);
  if (!list) return;
  for (const std::string_view line : split(*list, '\n')) {
    const std::string path(trim(line));
    if (path.empty()) continue;
    const std::string file = fs::path(path).filename();
    const Occupation::Busy busy(occupation, "module " + file.substr(0, file.find('.')));
    load_module(path, warnings);
  }
}

/// /dev/vport0p1, if it is there and has its name.
std::optional<Fd> open_port() {
  const fs::path ports = "/sys/class/virtio-ports";
  for (const std::string& port : names_in(ports)) {
    if (read_line(ports / port / "name") != kPortName) continue;
    Fd fd(::open((fs::path("/dev") / port).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (fd) return fd;
  }
  return std::nullopt;
}

/// Is there a virtio console device, on which a port may appear any moment? Source: include/uapi/linux/virtio_ids.h.
bool has_virtio_console() {
  const fs::path devices = "/sys/bus/virtio/devices";
  for (const std::string& device : names_in(devices)) {
    if (parse_u64(read_line(devices / device / "device"), 16) == 3) return true;
  }
  return false;
}

std::optional<Fd> open_serial() {
  Fd fd(::open(kSerialPort, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  termios settings{};
  if (!fd || ::tcgetattr(fd.get(), &settings) != 0) return std::nullopt;
  ::cfmakeraw(&settings);
  settings.c_cflag |= CLOCAL | CREAD;
  ::cfsetspeed(&settings, B115200);
  if (::tcsetattr(fd.get(), TCSANOW, &settings) != 0) return std::nullopt;
  return fd;
}

/// A port gets its name a moment after its device was found, when the host has sent it. Without a virtio console the
/// serial port is next; without both, one of them may still be plugged in.
Channel find_link() {
  constexpr Millis kLook{5};
  constexpr Millis kLookSeldom{200};
  const Deadline named = Deadline::after(Millis(5000));
  while (true) {
    if (auto port = open_port()) return {std::move(*port), Channel::Kind::kPort};
    const bool may_come = has_virtio_console() && !named.expired();
    if (!may_come) {
      if (auto serial = open_serial()) return {std::move(*serial), Channel::Kind::kSerial};
    }
    wait_until(Deadline::after(may_come ? kLook : kLookSeldom));
  }
}

/// `held`: the link over which the agent was told to go on, if it had to wait for that.
void serve_links(State& state, const Registry& registry, std::optional<Channel>& held) {
  bool announced = false;
  while (true) {
    Channel channel = held ? *std::exchange(held, std::nullopt) : find_link();
    state.occupation->set_up(true);
    while (!channel.lost()) {
      if (!announced) {
        // The console is slow, and the controller waits for the link: so not before the link is open.
        say(fmt::format("up, boot_id {}", state.hello.boot_id));
        announced = true;
      }
      channel.wait_peer(Deadline::never());
      serve_peer(state, registry, channel);
    }
  }
}

Result<Fd> try_to_be_reachable(const wire::Network& network) {
  constexpr Millis kInterfacePatience{30'000};
  TRY(bring_up(network, Deadline::after(kInterfacePatience)));
  ::mkdir(kWork, 0700);
  Fd listener = TRY(listen_at(wire::kAgentSocket));
  TRY(start_sshd());
  return listener;
}

/// Tries until it works: a driver that is late may still come, and nothing else can be done here. Whoever watches the
/// console is told, and so is the controller, should it ever get here.
Fd be_reachable(const wire::Network& network, Warnings& warnings) {
  constexpr Millis kPause{5000};
  seed_random(kSeed);
  while (true) {
    auto listener = try_to_be_reachable(network);
    if (listener) return *std::move(listener);
    say(listener.error().what);
    if (warnings.empty() || warnings.back() != listener.error().what) warnings.push_back(listener.error().what);
    wait_until(Deadline::after(kPause));
  }
}

/// What the payload says of a network; nothing when the machine is reached by a port of its own.
std::optional<wire::Network> network_of_payload(Warnings& warnings) {
  auto network = carried_network(wire::kNetworkFile);
  if (network) return *std::move(network);
  warnings.push_back(network.error().what);
  return std::nullopt;
}

/// Answers roll calls from now on, in a thread of its own.
void begin_to_answer(const Occupation& occupation, const Result<Stop>& never) {
  if (never) std::thread([&] { answer_roll_calls(STDIN_FILENO, occupation, *never); }).detach();
}

}  // namespace

void run_as_init() {
  static_cast<void>(began_ms());
  ::signal(SIGCHLD, SIG_IGN);  // the kernel reaps, our own children and orphans alike
  ::signal(SIGPIPE, SIG_IGN);
  ::reboot(LINUX_REBOOT_CMD_CAD_OFF);
  Warnings warnings;
  mount_all(warnings);
  open_console();
  const auto occupation = std::make_shared<Occupation>();
  occupation->set_up(false);
  const auto never = Stop::create();
  const auto network = network_of_payload(warnings);
  // Else an agent that is stuck from here on is what a kernel that hangs looks like. Only later where a process is
  // forked that is to have one thread, sshd's keeper, or where the machine is kept as it is for others.
  const bool kept = !network && is_to_hold(read_line("/proc/cmdline"));
  if (!network && !kept) begin_to_answer(*occupation, never);
  load_modules(*occupation, warnings);
  Fd listener;
  if (network) listener = be_reachable(*network, warnings);
  std::optional<Channel> held;
  if (kept) hold(held.emplace(find_link()));
  if (network || kept) begin_to_answer(*occupation, never);
  // Only from here on is anything looked at that is this boot's own.
  State state(introduce(/*is_init=*/true, std::move(warnings)), Files(kCarried, kWork), nullptr);
  state.occupation = occupation;
  const Registry registry = all_verbs();
  if (network) {
    occupation->set_up(true);
    say(fmt::format("up at {}, boot_id {}", network->address, state.hello.boot_id));
  }
  while (true) {
    try {
      if (network && never) {
        serve_connections(state, registry, listener.get(), *never);
      } else {
        serve_links(state, registry, held);
      }
    } catch (const std::exception& failed) {  // no memory, most likely; process 1 must not end
      say(failed.what());
    }
  }
}

}  // namespace holdfast::agent
