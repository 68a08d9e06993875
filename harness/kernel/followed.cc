// How is a long-running program watched while it writes its log?
#include "harness/kernel/followed.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "harness/base/file.h"

namespace holdfast {

Result<ExitStatus> run_followed(Command command, const std::filesystem::path& log, const Deadline& deadline,
                                const std::function<void()>& tick) {
  constexpr Millis kTick{500};
  const Fd out = TRY(open_file(log, O_WRONLY | O_CREAT | O_APPEND));
  command.stdout_fd = out.get();
  command.stderr_fd = out.get();
  Process process = TRY(Process::start(command));
  while (true) {
    const Wake wake = wait_readable(process.pidfd(), deadline.at_most(kTick));
    tick();
    if (wake == Wake::kReady) return process.wait(deadline);
    if (wake == Wake::kDeadline && !deadline.expired()) continue;
    process.stop();
    return wait_error(wake, fmt::format("end of {}", command.argv[0]));
  }
}

}  // namespace holdfast
