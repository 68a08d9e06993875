// Is a real crash of a real kernel found under its kind, in its kernel and its phase?
//
// The crash is a panic by NMI (unknown_nmi_panic on both command lines), which QEMU can deal out at any time: a script
// of QEMU's name, first in PATH, gives it a monitor socket besides those that the harness uses. It must not strike
// while the kernel prints: what a panic in an NMI says is lost when the console is in use (7.3, one CPU), and a reset
// is left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "harness/base/text.h"
#include "harness/e2e/program.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

/// As long as it lives, machines have a monitor of their own.
class Monitor {
 public:
  Monitor() : dir_(*TempDir::create("holdfast-nmi")), old_path_(std::getenv("PATH")) {
    const auto qemu = find_program("qemu-system-x86_64");
    EXPECT_TRUE(qemu);
    const fs::path script = dir_.path() / "qemu-system-x86_64";
    EXPECT_TRUE(write_file(script, "#!/bin/sh\nexec " + qemu->string() + " \"$@\" -monitor unix:" + socket_path() +
                                       ",server=on,wait=off\n"));
    EXPECT_EQ(::chmod(script.c_str(), 0755), 0);
    ::setenv("PATH", (dir_.path().string() + ":" + old_path_).c_str(), 1);
  }
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;
  ~Monitor() { ::setenv("PATH", old_path_.c_str(), 1); }

  /// False when nobody listens.
  bool send(std::string_view command) const {
    const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_path().copy(address.sun_path, sizeof(address.sun_path) - 1);
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return false;
    if (!write_all(fd.get(), std::string(command) + "\n")) return false;
    // QEMU reads the command when it comes round to it, unless the other end is gone by then. What it echoes says that
    // it has.
    std::string echo;
    std::array<char, 256> piece;
    while (std::ranges::count(echo, '\n') < 2) {
      const ssize_t got = ::recv(fd.get(), piece.data(), piece.size(), 0);
      if (got <= 0) return false;
      echo.append(piece.data(), static_cast<size_t>(got));
    }
    return true;
  }

 private:
  std::string socket_path() const { return (dir_.path() / "monitor").string(); }
  TempDir dir_;
  std::string old_path_;
};

struct Blow {
  std::string name;
  std::string phase;                ///< strike when it has begun
  std::string words;                ///< and, if not empty, these have been printed
  std::string kernel;               ///< which one it must hit
  std::vector<std::string> phases;  ///< in which the finding may fall: the phase may be over before the NMI arrives
};

class CrashIn : public testing::TestWithParam<Blow> {};

/// What stands behind "key: " in the evidence.
std::string field(const std::string& text, const std::string& key) {
  const size_t at = text.find("\n" + key + ": ");
  if (at == std::string::npos) return "";
  const size_t begin = at + key.size() + 3;
  return text.substr(begin, text.find('\n', begin) - begin);
}

bool has_begun(const std::string& journal, const std::string& phase) {
  return std::ranges::any_of(split(journal, '\n'), [&](std::string_view line) {
    return line.find("\"phase-started\"") != std::string_view::npos &&
           line.find("\"phase\":\"" + phase + "\"") != std::string_view::npos;
  });
}

TEST_P(CrashIn, IsAPanicOfThatKernelInThatPhase) {
  const Blow& blow = GetParam();
  const Monitor monitor;
  const Program program;
  const std::string name = "Retrieve.DeviceComesBackAndWorks";
  const std::string level = blow.words.empty() ? "" : " loglevel=7";
  // A fork has booted when it begins.
  Process run =
      program.start({"run", "--cold", "--jobs", "1", "--device", "e1000e", "--filter", name, "--timeout-scale", "3",
                     "--append", "unknown_nmi_panic" + level, "--next-append", "unknown_nmi_panic" + level});
  const fs::path console = program.latest() / "cases" / name / "e1000e/attempt-1/console.log";
  ASSERT_TRUE(program.wait_for_journal([&](const std::string& journal) {
    if (!has_begun(journal, blow.phase)) return false;
    if (blow.words.empty()) return true;
    const auto text = read_file(console);
    if (!text) return false;
    const size_t kexec = blow.kernel == "A" ? 0 : text->find("Starting new kernel");
    return kexec != std::string::npos && text->find(blow.words, kexec) != std::string::npos;
  })) << *read_file(program.output_file());
  ASSERT_TRUE(monitor.send("nmi"));
  const auto status = run.wait(Deadline::after(Millis(300'000)));
  ASSERT_TRUE(status);
  const auto reports = read_junit(program.junit());
  ASSERT_EQ(reports.size(), 1U) << *read_file(program.output_file());
  const CaseReport& report = reports.begin()->second;
  EXPECT_EQ(report.type, "kernel.panic") << report.message;
  EXPECT_THAT(report.message, HasSubstr("Kernel panic - not syncing: NMI"));
  EXPECT_EQ(field(report.text, "kind"), "panic") << report.text;
  EXPECT_EQ(field(report.text, "kernel"), blow.kernel) << report.message;
  EXPECT_THAT(blow.phases, Contains(field(report.text, "phase"))) << report.message;
  EXPECT_NE(program.journal().find("phase: " + field(report.text, "phase")), std::string::npos);
  EXPECT_EQ(status->code, 1);
}

INSTANTIATE_TEST_SUITE_P(
    Phases, CrashIn,
    testing::Values(Blow{"InBoot", "boot", "Run /init as init process", "A", {"boot"}},
                    Blow{"InBind", "bind", "", "A", {"bind", "preserve", "load", "snapshot", "kexec"}},
                    Blow{"InLoad", "load", "", "A", {"load", "snapshot", "kexec"}},
                    Blow{"InTheNextKernelsBoot", "kexec", "Run /init as init process", "B", {"kexec", "wait"}},
                    Blow{"InVerify", "verify", "", "B", {"verify", "bind", "retrieve", "exercise", "finish", "close"}}),
    [](const auto& blow) { return blow.param.name; });

TEST(Crash, APanicThatIsOnTheIgnoreListOfWarningsStillFails) {
  const Program program;
  const fs::path lab = program.latest().parent_path() / "lab.toml";
  ASSERT_TRUE(write_file(lab, "[[allow]]\ntitle = \"Kernel panic*\"\nreason = \"wishful\"\n"));
  const Output output = program.run({"run", "--lab", lab.string(), "--filter", "Addresses.PlainKexecMovesNothing",
                                     "--next-append", "rdinit=/nonexistent init=/nonexistent"});
  EXPECT_EQ(output.status.code, 1) << output.out;
  const CaseReport report = read_junit(program.junit()).begin()->second;
  EXPECT_EQ(report.type, "kernel.panic");
  EXPECT_EQ(field(report.text, "kernel"), "B");
  EXPECT_THAT(field(report.text, "phase"), AnyOf("kexec", "wait"));
  EXPECT_THAT(output.out, HasSubstr("matched nothing in this run (wishful)"));
  EXPECT_THAT(output.out, HasSubstr("--lab="));
}

TEST(Crash, ABadInventoryIsRefusedBeforeAnythingIsTouched) {
  const Program program;
  const fs::path lab = program.latest().parent_path() / "lab.toml";
  ASSERT_TRUE(write_file(lab, "[[allow]]\ntitel = \"x\"\nreason = \"y\"\n"));
  const Output output = program.run({"run", "--lab", lab.string()});
  EXPECT_EQ(output.status.code, 2);
  EXPECT_THAT(output.err, HasSubstr("lab.toml:2:1: unknown key 'titel'; did you mean 'title'?"));
  EXPECT_FALSE(fs::exists(program.latest()));
  EXPECT_THAT(output.out, Not(HasSubstr("run ")));
}

}  // namespace
}  // namespace holdfast::e2e
