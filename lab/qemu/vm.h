// Is the virtual machine still there, and if not, who ended it?
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "harness/base/process.h"
#include "lab/qemu/argv.h"
#include "lab/qemu/qmp.h"
#include "lab/qemu/unix_listener.h"

namespace holdfast::lab {

/// The name of the evidence that holds what QEMU wrote to its stderr.
inline constexpr std::string_view kStderrEvidence = "QEMU's stderr";

/// The full path of the QEMU program. Errors: lab.missing-program, with the package that has it.
Result<std::filesystem::path> find_qemu(const std::string& binary);

/// One QEMU process, from power on to power off. It is killed when the thread that started it ends, when the program
/// ends in any way, and when this object is destroyed; its sockets go with it. Not thread-safe.
class Vm {
 public:
  /// Starts QEMU with its sockets (console.sock, qmp.sock, agent.sock) and what it says (qemu.stderr) in `folder`, of
  /// which no other machine makes use. Paths in `spec` are absolute. The guest runs from then on. Errors:
  /// lab.missing-program, lab.exec, lab.io.
  static Result<std::unique_ptr<Vm>> start(QemuSpec spec, const std::filesystem::path& folder);

  /// The ends of the console and of the agent's port; each can be taken once.
  Fd take_console() { return sockets_.console.take_client(); }
  Fd take_agent_link() { return sockets_.agent.take_client(); }

  /// Waits until QEMU has set everything up. Errors: lab.qemu, with what QEMU said, when it did not like its options.
  Result<void> greet(const Deadline& deadline);

  /// See Target::alive. Answers within about two seconds, ten on a machine so busy that QEMU is late.
  Result<void> alive(const Deadline& deadline);

  /// Makes a device in the running machine; `arguments` are device_add's, a JSON object. Errors: lab.qmp.
  Result<void> plug(const std::string& arguments, const Deadline& deadline);
  /// Asks the guest to give a device up, and waits until it is out. Errors: see HotPlug::unplug.
  Result<void> unplug(const std::string& id, const Deadline& deadline);

  /// Stops the guest and writes all of its state but its memory, which is in a file, to `state_fd`. It is not to
  /// go on after that: the file would change. Errors: lab.qmp, lab.snapshot with QEMU's reason.
  Result<void> save(int state_fd, const Deadline& deadline);
  /// Makes this machine (`spec.incoming`) the one whose state can be read from `state_fd`, and lets it run.
  /// Errors: as save(); lab.vm-killed when QEMU does not know what to make of it.
  Result<void> restore(int state_fd, const Deadline& deadline);

  /// Ends QEMU, if it has not ended.
  void stop();

  bool running() { return !process_.poll(); }
  pid_t pid() const { return process_.pid(); }
  int pidfd() const { return process_.pidfd(); }
  std::string version() const { return qmp_ ? qmp_->version() : std::string(); }

 private:
  struct Sockets {
    UnixListener console;
    UnixListener qmp;
    UnixListener agent;
  };
  Vm(QemuSpec spec, std::filesystem::path stderr_path, Sockets sockets, Process process)
      : spec_(std::move(spec)),
        stderr_path_(std::move(stderr_path)),
        sockets_(std::move(sockets)),
        process_(std::move(process)) {}
  /// Starts a migration by this command and waits until it is complete.
  Result<void> migrate(std::string_view command, int state_fd, const Deadline& deadline);
  /// What the end of QEMU means.
  Error ended(const ExitStatus& status);
  /// What it means that QEMU did not answer.
  Error no_answer(Error error, const Deadline& deadline);
  Error stuck(std::string how) const;
  Error with_evidence(Error error) const;
  bool is_stopped() const;

  QemuSpec spec_;
  std::filesystem::path stderr_path_;
  Sockets sockets_;
  Process process_;
  std::optional<Qmp> qmp_;
};

}  // namespace holdfast::lab
