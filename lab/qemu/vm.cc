// Is the virtual machine still there, and if not, who ended it?
#include "lab/qemu/vm.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "lab/qemu/left_vms.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;

/// QEMU's main loop answers in milliseconds; a machine with more work than CPUs makes it late.
constexpr Millis kAnswer{2000};
constexpr Millis kAnswerOfABusyMachine{8000};
/// From its start to its main loop; measured 0.1 s. At most half of what the boot may take, where that is longer: on a
/// slow machine, and where QEMU pins all memory for a device that is passed through, this takes longer as the rest
/// does.
constexpr Millis kReady{30'000};
/// From the closing of its sockets to the end of the process.
constexpr Millis kEnding{2000};
/// There is nothing that QEMU would have to save.
constexpr Millis kGrace{500};
constexpr size_t kStderrLines = 40;

/// QEMU's stderr without what it always says of this machine: that it waits for the clients of its sockets, and that
/// the network cards' hub leads nowhere.
std::string what_qemu_said(const fs::path& path) {
  const auto text = read_file(path);
  std::string said;
  for (const std::string_view line : split(text ? std::string_view(*text) : std::string_view(), '\n')) {
    const bool expected = line.find("info: QEMU waiting for connection on") != std::string_view::npos ||
                          line.find("is not connected to host network") != std::string_view::npos;
    if (!expected && !line.empty()) said += fmt::format("{}\n", line);
  }
  return said;
}

/// A sentence for the reasons that the guest itself gave (QEMU 7.2, qapi/run-state.json, ShutdownCause).
std::optional<std::string_view> what_the_guest_did(const std::optional<std::string>& reason) {
  if (reason == "guest-reset") return "the guest reset itself";
  if (reason == "guest-shutdown") return "the guest powered itself off";
  if (reason == "guest-panic") return "the guest told of its panic";
  return std::nullopt;
}

}  // namespace

Result<fs::path> find_qemu(const std::string& binary) {
  if (auto found = find_program(binary)) return *std::move(found);
  return lab_error("missing-program", fmt::format("start {}: there is no such program", binary))
      .because("apt-get install qemu-system-x86");
}

Result<std::unique_ptr<Vm>> Vm::start(QemuSpec spec, const fs::path& folder) {
  spec.binary = TRY(find_qemu(spec.binary)).string();
  auto console = TRY(UnixListener::create(folder, "console.sock"));
  auto qmp = TRY(UnixListener::create(folder, "qmp.sock"));
  auto agent = TRY(UnixListener::create(folder, "agent.sock"));
  spec.console_fd = console.listening_fd();
  spec.qmp_fd = qmp.listening_fd();
  spec.agent_fd = agent.listening_fd();
  fs::path stderr_path = folder / "qemu.stderr";
  const Fd said = TRY(open_file(stderr_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND));
  Process process = TRY(Process::start({.argv = qemu_argv(spec),
                                        .cwd = folder,  // where a core file would go
                                        .env = TRY(mark_of_vm()),
                                        .stdout_fd = said.get(),
                                        .stderr_fd = said.get(),
                                        .keep_fds = {spec.console_fd, spec.qmp_fd, spec.agent_fd}}));
  // As long as we hold a listening end too, a client would not see QEMU's end before it was accepted.
  for (UnixListener* socket : {&console, &qmp, &agent}) socket->close_listening();
  Sockets sockets{.console = std::move(console), .qmp = std::move(qmp), .agent = std::move(agent)};
  return std::unique_ptr<Vm>(new Vm(std::move(spec), std::move(stderr_path), std::move(sockets), std::move(process)));
}

Result<void> Vm::greet(const Deadline& deadline) {
  const Millis ready = std::max(kReady, deadline.remaining() / 2);
  auto qmp = Qmp::open(sockets_.qmp.take_client(), deadline.at_most(ready));
  if (qmp) {
    qmp_ = *std::move(qmp);
    return {};
  }
  if (qmp.error().blame != Blame::kLab) return std::move(qmp).error();
  const auto status = process_.wait(Deadline::after(kEnding, deadline.stop()));
  if (!status && is_stopped()) return stuck("QEMU is stopped by a signal");
  if (!status) return with_evidence(std::move(qmp).error().in("QEMU did not get ready"));
  if (status->signal != 0) return ended(*status);
  Error error = lab_error("qemu", fmt::format("QEMU did not start: {}", status->describe()));
  if (what_qemu_said(stderr_path_).find("is not a valid device model name") != std::string::npos) {
    error.hint = "this QEMU is built without a device that the machine needs: install Debian's qemu-system-x86 whole";
  }
  return with_evidence(std::move(error));
}

Result<void> Vm::alive(const Deadline& deadline) {
  if (const auto status = process_.poll()) return ended(*status);
  if (!qmp_) return stuck("QEMU has not got ready");
  // The caller's deadline may be over: it asks because of that. The answer takes the time that it takes.
  auto state = qmp_->status(Deadline::after(kAnswer, deadline.stop()));
  if (!state && state.error().kind == "timeout" && !is_stopped()) {
    state = qmp_->status(Deadline::after(kAnswerOfABusyMachine, deadline.stop()));
  }
  if (!state) return no_answer(std::move(state).error(), deadline);
  if (*state == "running") return {};
  if (*state == "shutdown" || *state == "guest-panicked") {
    return with_evidence(kernel_error("reset", fmt::format("the machine is in state {}", *state)));
  }
  return with_evidence(lab_error("vm-paused", fmt::format("the machine does not run: its state is {}", *state)));
}

Error Vm::no_answer(Error error, const Deadline& deadline) {
  if (error.blame != Blame::kLab) return error;
  // A control channel that is closed means that the process is about to end.
  const Millis patience = error.kind == "timeout" ? Millis(0) : kEnding;
  if (const auto status = process_.wait(Deadline::after(patience, deadline.stop()))) return ended(*status);
  return stuck(is_stopped() ? "QEMU is stopped by a signal" : std::move(error.what));
}

Result<void> Vm::plug(const std::string& arguments, const Deadline& deadline) {
  if (!qmp_) return stuck("QEMU has not got ready");
  TRY(qmp_->execute("device_add", arguments, deadline));
  return {};
}

/// Source: qapi/qdev.json of QEMU 7.2: DEVICE_DELETED comes when the guest has let go, also for each child of the
/// device, then without an id; DEVICE_UNPLUG_GUEST_ERROR when it says that it will not.
Result<void> Vm::unplug(const std::string& id, const Deadline& deadline) {
  if (!qmp_) return stuck("QEMU has not got ready");
  qmp_->take_in();
  while (qmp_->next_event()) continue;  // what an earlier device had to say
  TRY(qmp_->execute("device_del", fmt::format(R"({{"id":"{}"}})", id), deadline));
  const std::string ours = fmt::format(R"("device":"{}")", id);
  while (true) {
    auto came = qmp_->await_event({"DEVICE_DELETED", "DEVICE_UNPLUG_GUEST_ERROR"}, deadline);
    if (!came && came.error().kind == "timeout") {
      return kernel_error("hot-plug", fmt::format("the guest says nothing about giving device {} up", id));
    }
    const Qmp::Event event = TRY(std::move(came));
    if (event.data.find(ours) == std::string::npos) continue;
    if (event.name == "DEVICE_DELETED") return {};
    return kernel_error("refused", fmt::format("the guest does not give device {} up", id));
  }
}

/// The memory is left out since it is in a file that both sides have (x-ignore-shared); that the side that reads maps
/// it privately makes no difference to QEMU 7.2. Source: migration/ram.c, ramblock_is_ignored() and ram_load_precopy().
Result<void> Vm::migrate(std::string_view command, int state_fd, const Deadline& deadline) {
  if (!qmp_) return stuck("QEMU has not got ready");
  TRY(qmp_->execute("migrate-set-capabilities",
                    R"({"capabilities":[{"capability":"x-ignore-shared","state":true},)"
                    R"({"capability":"events","state":true}]})",
                    deadline));
  TRY(qmp_->give("state", state_fd, deadline));
  TRY(qmp_->execute(command, R"({"uri":"fd:state"})", deadline));
  while (true) {
    auto came = qmp_->await_event({"MIGRATION"}, deadline);
    if (!came && !running()) return ended(*process_.poll());
    const Qmp::Event event = TRY(std::move(came));
    if (event.data.find("\"completed\"") != std::string::npos) return {};
    if (event.data.find("\"failed\"") == std::string::npos) continue;
    const auto told = qmp_->execute("query-migrate", {}, deadline);
    return with_evidence(
        lab_error("snapshot", fmt::format("QEMU's {} failed: {}", command, told ? *told : told.error().what)));
  }
}

Result<void> Vm::save(int state_fd, const Deadline& deadline) {
  if (!qmp_) return stuck("QEMU has not got ready");
  TRY(qmp_->execute("stop", {}, deadline));
  return migrate("migrate", state_fd, deadline);
}

Result<void> Vm::restore(int state_fd, const Deadline& deadline) {
  TRY(migrate("migrate-incoming", state_fd, deadline));
  TRY(qmp_->execute("cont", {}, deadline));
  return {};
}

void Vm::stop() { process_.stop(kGrace); }

Error Vm::ended(const ExitStatus& status) {
  if (qmp_) qmp_->take_in();
  const std::optional<std::string> reason = qmp_ ? qmp_->shutdown_reason() : std::nullopt;
  const auto guest = what_the_guest_did(reason);
  if (status.success() && guest) {
    return with_evidence(kernel_error("reset", fmt::format("{}, which no kexec does", *guest)));
  }
  const std::string why = reason ? fmt::format(" (QEMU gave as reason: {})", *reason) : "";
  return with_evidence(
      lab_error("vm-killed", fmt::format("QEMU, process {}, ended: {}{}", process_.pid(), status.describe(), why)));
}

Error Vm::stuck(std::string how) const { return with_evidence(lab_error("vm-stuck", std::move(how))); }

Error Vm::with_evidence(Error error) const {
  const std::string said = what_qemu_said(stderr_path_);
  if (!said.empty())
    error = std::move(error).with(std::string(kStderrEvidence), printable(last_lines(said, kStderrLines)));
  return std::move(error).with("QEMU's argv", shell_quote(qemu_argv(spec_)));
}

/// Whether the process is in state T (proc(5), /proc/pid/stat, field 3).
bool Vm::is_stopped() const {
  const auto stat = read_file(fmt::format("/proc/{}/stat", process_.pid()));
  if (!stat) return false;
  const size_t name_end = stat->rfind(") ");
  return name_end != std::string::npos && stat->substr(name_end + 2, 1) == "T";
}

}  // namespace holdfast::lab
