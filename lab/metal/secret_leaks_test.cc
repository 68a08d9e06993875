// Does a secret stay where it belongs? Two secrets are known, and all that the program does with a BMC and a fence
// agent is looked through for them: what its processes are called with, what is in their environment, and each file
// that is there while it runs or afterwards.
//
// The lab: a BMC with ipmi_sim, whose password is in the environment; a host behind it that ssh does not reach, so that
// the program tries everything it knows; another whose fence agent tells all that it was given.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "harness/kernel/fake_image.h"
#include "lab/metal/power.h"
#include "lab/metal/real_bmc.h"
#include "tools/ctest/places.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kBmcSecret = "sesame-bmc-4711";
constexpr const char* kFenceSecret = "sesame-fence-0815";

bool tells(std::string_view text) { return text.find("sesame-") != text.npos; }

/// The processes that were seen below one, by what they were called with.
struct Seen {
  std::set<std::string> argvs;
  std::set<std::string> argvs_that_tell;
  std::set<std::string> environments_that_tell;  ///< the argv, and the variable
};

/// The program's own processes are given the environment that it has itself; ipmitool gets the password in this one.
bool may_have(const std::string& argv, std::string_view variable) {
  if (argv.starts_with(tested_program())) return variable.starts_with("HOLDFAST_LEAK_BMC=");
  return argv.substr(0, argv.find(' ')).ends_with("ipmitool") && variable.starts_with("IPMI_PASSWORD=");
}

void look_at(const fs::path& process, Seen& seen) {
  auto cmdline = read_file(process / "cmdline");
  const auto environment = read_file(process / "environ");
  if (!cmdline || cmdline->empty()) return;
  std::ranges::replace(*cmdline, '\0', ' ');
  seen.argvs.insert(*cmdline);
  if (tells(*cmdline)) seen.argvs_that_tell.insert(*cmdline);
  if (!environment) return;
  for (const std::string_view variable : split(*environment, '\0')) {
    if (!tells(variable)) continue;
    // Between fork and exec a child still shows its parent's.
    auto now = read_file(process / "cmdline");
    if (now) std::ranges::replace(*now, '\0', ' ');
    if (now && *now == *cmdline && !may_have(*cmdline, variable)) {
      seen.environments_that_tell.insert(fmt::format("{}: {}", *cmdline, variable));
    }
  }
}

/// All processes below `top`, itself among them.
void look_below(pid_t top, Seen& seen) {
  std::map<pid_t, pid_t> parents;
  std::error_code failed;
  for (fs::directory_iterator it("/proc", failed), end; !failed && it != end; it.increment(failed)) {
    const auto pid = parse_u64(it->path().filename().string());
    const auto stat = pid ? read_file(it->path() / "stat") : Result<std::string>(lab_error("io", ""));
    if (!stat || stat->rfind(')') == std::string::npos) continue;
    const auto fields = split(std::string_view(*stat).substr(stat->rfind(')') + 2), ' ');
    parents[static_cast<pid_t>(*pid)] = static_cast<pid_t>(parse_u64(fields[1]).value_or(0));
  }
  for (const auto& [pid, parent] : parents) {
    pid_t one = pid;
    for (int steps = 0; one > 1 && one != top && steps < 64; ++steps) one = parents.contains(one) ? parents[one] : 0;
    if (one == top) look_at(fs::path("/proc") / std::to_string(pid), seen);
  }
}

/// The files below a folder in which a secret stands.
std::vector<std::string> files_that_tell(const fs::path& folder) {
  std::vector<std::string> found;
  std::error_code failed;
  for (fs::recursive_directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
    if (tells(it->path().string())) found.push_back(it->path().string());
    std::error_code unknown;
    if (!fs::is_regular_file(it->symlink_status(unknown))) continue;
    const auto text = read_file(it->path());
    if (text && tells(*text)) found.push_back(it->path().string());
  }
  return found;
}

class SecretLeaks : public testing::Test {
 protected:
  void SetUp() override {
    auto started = RealBmc::start(kBmcSecret);
    ASSERT_TRUE(started) << started.error().what;
    bmc_ = *std::move(started);
    fake::write(kept("fence-secret"), kFenceSecret);
    ::chmod(kept("fence-secret").c_str(), 0600);
    // A fence agent that fails, and complains with all that it was told.
    fake::write(kept("fence_telltale"),
                "#!/bin/sh\necho \"login failed: $(cat)\" >&2\necho told >> \"$0.called\"\nsleep 0.3\nexit 1\n");
    ::chmod(kept("fence_telltale").c_str(), 0700);
    fake::write(kept("bzImage"), fake::bzimage(fake::gzip(fake::vmlinux(std::nullopt))));
    for (const char* folder : {"home", "tmp", "out", "leases"}) ASSERT_TRUE(make_dirs(left(folder)));
    fake::write(kept("lab.toml"), inventory());
  }
  /// What the test itself has, and may hold secrets.
  fs::path kept(std::string_view name) const { return dir_.path() / "kept" / name; }
  /// What the program leaves.
  fs::path left(std::string_view name) const { return dir_.path() / "left" / name; }

  std::string inventory() const {
    const IpmiAccess bmc = bmc_->access();
    const std::string access =
        fmt::format("address = \"{}\"\nport = {}\nuser = \"{}\"\npassword = {{ env = \"HOLDFAST_LEAK_BMC\" }}\n",
                    bmc.address, bmc.port, bmc.user);
    constexpr const char* kHost = R"([[host]]
name = "{}"
append = "console=ttyS0,115200"
[host.ssh]
address = "127.0.0.1"
port = 9
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDPGdfWkgiZlaF31I47d7omWu0Ep2grN5nXUsqKhIp5y"
[[host.device]]
role = "nic"
bdf = "0000:01:00.0"
)";
    return fmt::format("[leases]\nfolder = \"{}\"\n", left("leases").string()) + fmt::format(kHost, "by-ipmi") +
           "[host.console]\ntype = \"sol\"\n" + access + "[[host.power]]\ntype = \"ipmi\"\n" + access +
           fmt::format(kHost, "by-fence") +
           fmt::format(
               "[[host.power]]\ntype = \"fence\"\nagent = \"fence_telltale\"\noptions = {{ ip = \"127.0.0.1\" "
               "}}\nsecrets = {{ password = {{ file = \"{}\" }} }}\n",
               kept("fence-secret").string());
  }

  std::map<std::string, std::string> environment() const {
    return {{"HOLDFAST_LEAK_BMC", kBmcSecret},
            {"HOLDFAST_OUT", left("out").string()},
            {"HOLDFAST_CACHE", left("cache").string()},
            {"HOME", left("home").string()},
            {"XDG_STATE_HOME", left("state").string()},
            {"TMPDIR", left("tmp").string()},
            {"PATH", fmt::format("{}:{}", kept("").string(), std::getenv("PATH"))}};
  }

  /// Runs the program and watches all of its processes and files meanwhile; after `limit` it is interrupted as by
  /// Ctrl-C, and killed if that is not enough. Gives what it said.
  std::string watched(std::vector<std::string> argv, Millis limit) {
    argv.insert(argv.begin(), tested_program());
    const fs::path said = left(fmt::format("said.{}", ++calls_));
    const Fd output = *open_file(said, O_WRONLY | O_CREAT | O_TRUNC);
    Process process =
        *Process::start({.argv = argv, .env = environment(), .stdout_fd = output.get(), .stderr_fd = output.get()});
    const Deadline until = Deadline::after(limit);
    const Deadline patience = Deadline::after(limit + Millis(8000));
    bool interrupted = false;
    while (!process.poll() && !patience.expired()) {
      look_below(process.pid(), seen_);
      for (std::string& file : files_that_tell(left("tmp"))) told_.insert(std::move(file));
      if (until.expired() && !std::exchange(interrupted, true)) process.signal_group(SIGINT);
      wait_until(Deadline::after(Millis(3)));
    }
    process.stop(Millis(0));
    return *read_file(said);
  }
  bool called(std::string_view program) const {
    return std::ranges::any_of(seen_.argvs, [&](const std::string& argv) { return argv.find(program) != argv.npos; });
  }
  void expect_silence() const {
    EXPECT_THAT(seen_.argvs_that_tell, IsEmpty());
    EXPECT_THAT(seen_.environments_that_tell, IsEmpty());
    EXPECT_THAT(told_, IsEmpty());
    EXPECT_THAT(files_that_tell(dir_.path() / "left"), IsEmpty());
  }

  TempDir dir_ = *TempDir::create("holdfast-leaks");
  std::unique_ptr<RealBmc> bmc_;
  int calls_ = 0;
  Seen seen_;
  std::set<std::string> told_;
};

TEST_F(SecretLeaks, ARunOnAHostWithABmcTellsNobody) {
  bmc_->set_power(true);
  const std::string said =
      watched({"run", "--lab", kept("lab.toml").string(), "--target", "by-ipmi", "--kernel", kept("bzImage").string(),
               "--next-kernel", kept("bzImage").string(), "--filter", "*Memfd*"},
              Millis(8000));
  expect_silence();
  EXPECT_TRUE(called("ipmitool")) << said;
  EXPECT_TRUE(called("sol activate")) << said;
  EXPECT_TRUE(fs::exists(left("out/latest/journal.jsonl"))) << said;
}

TEST_F(SecretLeaks, TheLabsVerbsTellNobodyWhateverAFenceAgentSays) {
  const std::string lab = kept("lab.toml").string();
  // It is patient with an agent that fails.
  const std::string state = watched({"lab", "power", "state", "by-fence", "--lab", lab}, Millis(4000));
  EXPECT_TRUE(fs::exists(kept("fence_telltale.called"))) << state;
  EXPECT_TRUE(called("fence_telltale")) << "its environment was looked at";
  EXPECT_THAT(watched({"lab", "power", "state", "by-ipmi", "--lab", lab}, Millis(20'000)), HasSubstr("by-ipmi: off"));
  EXPECT_THAT(watched({"list", "targets", "--lab", lab}, Millis(20'000)), HasSubstr("by-ipmi"));
  expect_silence();
}

TEST_F(SecretLeaks, WhatAFenceAgentRepeatsIsHidden) {
  const fake::ScopedEnv path("PATH", environment().at("PATH"));
  const auto power = make_power({.kind = PowerAccess::Kind::kFence,
                                 .agent = "fence_telltale",
                                 .secrets = {{"password", {.file = kept("fence-secret")}}}},
                                {.patience = Millis(100)});
  ASSERT_TRUE(power);
  const auto state = (*power)->state(Deadline::after(Millis(2000)));
  ASSERT_FALSE(state);
  ASSERT_FALSE(state.error().evidence.empty());
  EXPECT_THAT(state.error().evidence.back().text, AllOf(HasSubstr("login failed"), HasSubstr("password=[secret]")));
  EXPECT_FALSE(tells(state.error().what + state.error().evidence.back().text));
}

TEST_F(SecretLeaks, ControlWhatLeaksIsFound) {
  const std::string script = "echo sesame-file > \"$TMPDIR/note\"; VARIABLE=sesame-env sleep 1; : sesame-argv";
  Process process = *Process::start({.argv = {"sh", "-c", script}, .env = environment()});
  while (!process.poll()) {
    look_below(process.pid(), seen_);
    wait_until(Deadline::after(Millis(5)));
  }
  EXPECT_THAT(seen_.argvs_that_tell, Contains(HasSubstr("sesame-argv")));
  EXPECT_THAT(seen_.environments_that_tell, Contains(HasSubstr("VARIABLE=sesame-env")));
  EXPECT_THAT(seen_.environments_that_tell, Contains(HasSubstr("HOLDFAST_LEAK_BMC=")));
  EXPECT_THAT(files_that_tell(left("tmp")), Contains(HasSubstr("note")));
}

}  // namespace
}  // namespace holdfast::lab
