// How do end-to-end tests get a lab host, and break it?
#include "harness/e2e/metal/virtual_lab.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "harness/base/text.h"
#include "tools/ctest/places.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;

/// The image is built (3 minutes, more on a busy machine), and each host boots without KVM (10 s to minutes).
constexpr Millis kLabIsUp{1'200'000};
constexpr Millis kCommand{120'000};
/// QEMU and the BMC are killed, and what they hold is removed.
constexpr Millis kTeardown{30'000};

fs::path tool() { return source_dir() / "tools" / "virtual-metal"; }

Output run_or_say_why(const Command& command) {
  auto output = run(command, Deadline::after(kCommand));
  if (output) return *std::move(output);
  return {.status = {.code = -1, .signal = 0}, .out = {}, .err = output.error().what};
}

}  // namespace

Result<VirtualLab> VirtualLab::begin(const LabOptions& options) {
  TempDir dir = TRY(TempDir::create("holdfast-metal"));
  const fs::path folder = dir.path() / "lab";
  std::vector<std::string> argv{tool(), "run", "--dir", folder, "--hosts", std::to_string(options.hosts)};
  if (options.pdu) argv.emplace_back("--pdu");
  if (options.redfish) argv.emplace_back("--redfish");
  argv.insert(argv.end(), {"--", "sleep", "infinity"});
  const Fd said = TRY(open_file(dir.path() / "said", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND));
  VirtualLab lab(std::move(dir),
                 TRY(Process::start({.argv = std::move(argv), .stdout_fd = said.get(), .stderr_fd = said.get()})));
  const auto begun = [&] { return fs::exists(lab.host_folder(fmt::format("metal-{}", options.hosts)) / "qemu.pid"); };
  if (eventually([&] { return begun() || lab.process_.poll(); }, kLabIsUp) && begun()) return lab;
  return lab.failed("the virtual lab does not come up");
}

Result<VirtualLab> VirtualLab::start(const LabOptions& options) {
  VirtualLab lab = TRY(begin(options));
  const auto ready = [&] { return fs::exists(lab.folder() / "ready"); };
  if (eventually([&] { return ready() || lab.process_.poll(); }, kLabIsUp) && ready()) return lab;
  return lab.failed("the virtual lab's hosts do not answer");
}

Error VirtualLab::failed(std::string_view what) const {
  const auto said = read_file(dir_.path() / "said");
  return lab_error("virtual-metal", fmt::format("{}: {}", what, said ? *said : "it said nothing"));
}

VirtualLab::~VirtualLab() {
  if (!dir_.path().empty()) stop();
}

void VirtualLab::stop() { process_.stop(kTeardown); }

std::vector<std::string> VirtualLab::fault_argv(std::vector<std::string> words, const std::string& host) const {
  words.insert(words.begin(), {tool(), "ctl", folder(), host});
  return words;
}

Output VirtualLab::fault(std::vector<std::string> words, const std::string& host) const {
  return run_or_say_why({.argv = fault_argv(std::move(words), host)});
}

Process VirtualLab::start_fault(std::vector<std::string> words, const std::string& host) const {
  return *Process::start({.argv = fault_argv(std::move(words), host)});
}

Output VirtualLab::ssh(const std::string& command, const std::string& host) const {
  return run_or_say_why({.argv = {"ssh", "-F", folder() / "ssh_config", "-o", "ConnectTimeout=5", host, command}});
}

std::vector<std::string> VirtualLab::ipmi_argv(std::vector<std::string> words, const std::string& host) const {
  const auto port = read_file(host_folder(host) / "bmc_port");
  words.insert(words.begin(),
               {"ipmitool", "-I", "lanplus", "-C", "3", "-N", "2", "-R", "2", "-H", "127.0.0.1", "-p",
                std::string(trim(port ? *port : "0")), "-U", "lab", "-f", host_folder(host) / "bmc_password"});
  return words;
}

Output VirtualLab::ipmi(std::vector<std::string> words, const std::string& host) const {
  return run_or_say_why({.argv = ipmi_argv(std::move(words), host)});
}

Process VirtualLab::record(const fs::path& file, const std::string& host) const {
  const Fd log = *open_file(file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
  // ipmitool leaves the session at the end of its standard input. A pipe whose writer is also its reader has none.
  const fs::path pipe = file.string() + ".in";
  ::mkfifo(pipe.c_str(), 0600);
  const Fd silence = *open_file(pipe, O_RDWR);
  return *Process::start({.argv = ipmi_argv({"sol", "activate"}, host),
                          .stdin_fd = silence.get(),
                          .stdout_fd = log.get(),
                          .stderr_fd = log.get()});
}

}  // namespace holdfast::e2e
