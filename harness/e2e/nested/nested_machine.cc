// How do end-to-end tests get a computer with spare PCIe devices, and holdfast on it?
#include "harness/e2e/nested/nested_machine.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "harness/base/text.h"
#include "harness/e2e/eventually.h"
#include "tools/ctest/places.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;

/// 15 s on a quiet computer: packing the image, firmware, a kernel, sshd.
constexpr Millis kMachineIsUp{600'000};
constexpr Millis kCopy{120'000};

}  // namespace

Result<NestedMachine> NestedMachine::start() {
  TempDir dir = TRY(TempDir::create("holdfast-nested"));
  const fs::path folder = dir.path() / "machine";
  const Fd said = TRY(open_file(dir.path() / "said", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND));
  std::vector<std::string> argv{
      source_dir() / "tools" / "nested-machine", "run", "--dir", folder, "--", "sleep", "infinity"};
  NestedMachine machine(std::move(dir), TRY(Process::start({.argv = std::move(argv),
                                                            .env = {{"NESTED_MACHINE_BOOT_LIMIT", "500"}},
                                                            .stdout_fd = said.get(),
                                                            .stderr_fd = said.get()})));
  const auto ready = [&] { return fs::exists(machine.folder() / "ready"); };
  if (eventually([&] { return ready() || machine.process_.poll(); }, kMachineIsUp) && ready()) return machine;
  const auto words = read_file(machine.dir_.path() / "said");
  return lab_error("nested-machine", fmt::format("the nested machine does not come up: {}", words ? *words : ""));
}

NestedMachine::~NestedMachine() {
  if (!dir_.path().empty()) process_.stop(Millis(30'000));
}

Result<Output> NestedMachine::run_there(const std::string& command, Command here, Millis limit) const {
  here.argv = {"ssh", "-F", folder() / "ssh_config", "-o", "ConnectTimeout=60", "machine", command};
  return run(here, Deadline::after(limit));
}

Output NestedMachine::ssh(const std::string& command, Millis limit) const {
  auto output = run_there(command, {}, limit);
  if (output) return *std::move(output);
  return {.status = {.code = -1, .signal = 0}, .out = {}, .err = output.error().what};
}

Result<void> NestedMachine::put(const std::string& text, const std::string& file) const {
  const fs::path here = dir_.path() / "put";
  TRY(write_file_atomic(here, text));
  const Fd source = TRY(open_file(here, O_RDONLY));
  const Output done = TRY(run_there("cat >" + file, {.argv = {}, .stdin_fd = source.get()}, kCopy));
  if (!done.status.success()) return lab_error("nested-machine", fmt::format("cannot write {}: {}", file, done.err));
  return {};
}

Result<void> NestedMachine::bring(const std::string& folder, const fs::path& into) const {
  const Output packed = TRY(run_there(fmt::format("tar -cC {} .", folder), {}, kCopy));
  if (!packed.status.success()) {
    return lab_error("nested-machine", fmt::format("cannot bring {} out: {}", folder, packed.err));
  }
  const fs::path archive = dir_.path() / "brought.tar";
  TRY(write_file_atomic(archive, packed.out));
  TRY(make_dirs(into));
  const Output unpacked = TRY(run({.argv = {"tar", "-xC", into, "-f", archive}}, Deadline::after(kCopy)));
  if (!unpacked.status.success()) return lab_error("nested-machine", "tar: " + unpacked.err);
  return {};
}

std::string NestedMachine::driver_of(const std::string& bdf) const {
  const Output link = ssh(fmt::format("readlink /sys/bus/pci/devices/{}/driver", bdf));
  return fs::path(std::string(trim(link.out))).filename();
}

}  // namespace holdfast::e2e
