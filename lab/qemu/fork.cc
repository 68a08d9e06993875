// How does a case get a machine that has booted already?
#include "lab/qemu/fork.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/wire/codec.h"
#include "harness/wire/verbs_fork.h"
#include "lab/console/serial_console.h"
#include "lab/qemu/parts.h"
#include "lab/qemu/vfio_argv.h"
#include "lab/qemu/vm.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;

/// Changes whenever a kept machine of before is not to be taken for one of now.
constexpr std::string_view kLayout = "fork 1";

constexpr const char* kMemory = "ram";
constexpr const char* kState = "state";
constexpr const char* kConsole = "console";

/// The first message that `wanted` says yes to; others are dropped.
template <class Wanted>
Result<wire::Message> await_message(Link& link, std::string_view what, const Deadline& deadline, Wanted wanted) {
  while (true) {
    auto message = TRY_IN(fmt::format("waiting for {}", what), link.receive(deadline));
    if (!message) return wait_error(Wake::kDeadline, what);
    const auto envelope = wire::open_envelope(*message);
    if (envelope && TRY(wanted(*envelope))) return *std::move(message);
  }
}

bool is_event(const wire::Envelope& envelope, std::string_view name) {
  return envelope.kind == wire::Envelope::Kind::kEvent && envelope.name == name;
}

Result<wire::Bytes> seed() {
  wire::Bytes bytes(64);
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return system_error("draw a seed for a machine", errno);
  }
  return bytes;
}

}  // namespace

std::string why_not_forked(const QemuSpec& qemu, const BootSpec& spec) {
  if (!qemu.further.empty()) return std::string(kNoSnapshot);
  if (qemu.accel == Accel::kKvm) return "under KVM machines are booted: that takes no longer";
  if (spec.own_way) return "the case has words of its own on the first kernel's command line";
  const std::vector<std::string> unsaveable = unsaveable_roles(qemu.topology);
  if (spec.whole_machine && !unsaveable.empty()) {
    return fmt::format("the case is about the whole machine, and QEMU cannot save the state of {}",
                       join(unsaveable, ", "));
  }
  for (const std::string& role : spec.roles) {
    if (std::ranges::find(unsaveable, role) != unsaveable.end()) {
      return fmt::format("QEMU cannot save the state of {}", role);
    }
  }
  return {};
}

QemuSpec holding(QemuSpec qemu) {
  qemu.saveable = true;
  qemu.cmdline += fmt::format(" {}", wire::kHoldWord);
  return qemu;
}

std::string fork_key(QemuSpec qemu, const std::string& made_of) {
  // What these hold is in `made_of`.
  qemu.binary = qemu.name = "";
  qemu.kernel = qemu.initrd = "";
  Digest digest;
  digest.add(kLayout).add("\n").add(made_of);
  for (const std::string& word : qemu_argv(qemu)) digest.add("\n").add(word);
  return digest.hex().substr(0, 32);
}

Result<void> keep_machine(QemuSpec qemu, const fs::path& work, const fs::path& folder, const Deadline& deadline) {
  qemu.name += "-kept";
  qemu.memory_file = folder / kMemory;
  qemu.memory_written = true;
  const Fd state = TRY(open_file(folder / kState, O_WRONLY | O_CREAT | O_EXCL, 0600));
  TRY(make_dirs(work));
  const auto console = TRY(SerialConsole::create({.attempt = folder / kConsole, .target = {}, .prefix = {}}));
  auto vm = TRY(Vm::start(std::move(qemu), work));
  TRY(console->attach(vm->take_console()));
  Link link = TRY(Link::over(vm->take_agent_link(), {.fd = vm->pidfd(), .is_machine = true}));
  TRY(vm->greet(deadline));
  TRY(await_message(link, "an agent that holds", deadline, [](const wire::Envelope& envelope) -> Result<bool> {
    return is_event(envelope, wire::Held::kEvent);
  }));
  return vm->save(state.get(), deadline);
}

Result<ForkPlan> plan_fork(QemuSpec qemu, const fs::path& folder) {
  ForkPlan plan{.qemu = std::move(qemu),
                .state = TRY(open_file(folder / kState, O_RDONLY)),
                .console = TRY(read_file(folder / kConsole))};
  plan.qemu.memory_file = folder / kMemory;
  plan.qemu.incoming = true;
  return plan;
}

Result<void> let_go_on(Link& link, const Deadline& deadline) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const wire::Begin begin{.wall_ms = static_cast<uint64_t>(std::chrono::duration_cast<Millis>(now).count()),
                          .blob = TRY(seed())};
  TRY(link.send(wire::make_request(1, begin), deadline));
  bool taken = false;
  wire::Message hello =
      TRY(await_message(link, "the agent's going on", deadline, [&](const wire::Envelope& envelope) -> Result<bool> {
        if (envelope.kind == wire::Envelope::Kind::kRefusal) {
          return lab_error("snapshot", fmt::format("the agent does not go on: {}", envelope.refusal.what));
        }
        taken = taken || envelope.kind == wire::Envelope::Kind::kReply;
        return taken && is_event(envelope, wire::Hello::kEvent);
      }));
  link.put_back(std::move(hello));
  return {};
}

}  // namespace holdfast::lab
