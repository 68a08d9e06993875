// Does a console stay recorded while its carrier comes and goes, and do clients share it?
#include "lab/console/recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pty.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "lab/console/serial_console.h"
#include "lab/console/sol_console.h"
#include "lab/metal/ipmi.h"
#include "lab/metal/real_bmc.h"

namespace holdfast::lab {
namespace {

using namespace std::string_literals;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

Deadline soon() { return Deadline::after(std::chrono::seconds(90)); }

class RecorderTest : public testing::Test {
 protected:
  void start(const ConsoleAccess& access) {
    const OnNote on_note = [this](const std::string& text) {
      const std::lock_guard lock(mutex_);
      notes_ += text + "\n";
    };
    auto started = ConsoleRecorder::start(
        access, files_, on_note, {.first_pause = Millis(50), .longest_pause = Millis(500), .silence = Millis(500)});
    ASSERT_TRUE(started) << started.error().what;
    recorder_ = *std::move(started);
  }
  void start_open(const ConsoleAccess& access) {
    start(access);
    ASSERT_TRUE(recorder_->wait_open(soon()));
  }
  std::string notes() {
    const std::lock_guard lock(mutex_);
    return notes_;
  }
  bool noted(std::string_view text) {
    const Deadline deadline = soon();
    while (notes().find(text) == std::string::npos) {
      if (deadline.expired()) return false;
      wait_until(Deadline::after(Millis(20)));
    }
    return true;
  }
  std::string raw() const { return *read_file(files_.raw); }
  std::string lines() const { return *read_file(files_.lines); }
  std::unique_ptr<SerialConsole> client(const std::string& name) {
    auto console = *SerialConsole::create({.attempt = dir_.path() / name, .target = {}, .prefix = ""});
    EXPECT_TRUE(console->attach(*connect_console(files_.socket)));
    return console;
  }

  TempDir dir_ = *TempDir::create("recorder");
  const RecorderFiles files_{dir_.path() / "raw.log", dir_.path() / "console.log", dir_.path() / "run" / "console"};
  std::mutex mutex_;
  std::string notes_;
  std::unique_ptr<ConsoleRecorder> recorder_;
};

/// A program that says back what it hears.
ConsoleAccess echo() { return {.kind = ConsoleAccess::Kind::kExec, .argv = {"cat"}}; }

TEST_F(RecorderTest, RecordsEveryByteAndStampsLines) {
  start_open(echo());
  const std::string bytes = "one\r\n\0\x1b[2J\xff~.\ntwo half"s;
  ASSERT_TRUE(recorder_->send(bytes, soon()));
  ASSERT_TRUE(recorder_->expect("half", 0, soon()));
  recorder_.reset();
  EXPECT_EQ(raw(), bytes);
  EXPECT_THAT(lines(), ContainsRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[.][0-9]{3}Z one\n"));
  EXPECT_THAT(lines(), HasSubstr("Z two half\n"));
  EXPECT_THAT(lines(), HasSubstr("Z [holdfast] console open\n"));
}

TEST_F(RecorderTest, OpensAConsoleThatEndsAgainAndNotesTheGap) {
  start({.kind = ConsoleAccess::Kind::kExec, .argv = {"sh", "-c", "echo hello; read x; echo sorry >&2; exit 3"}});
  ASSERT_TRUE(recorder_->expect("hello\n", 0, soon()));
  ASSERT_TRUE(recorder_->send("\n", soon()));
  ASSERT_TRUE(recorder_->expect("hello\nhello\n", 0, soon()));
  EXPECT_TRUE(noted("console lost: sh ended: exit code 3\nconsole open"));
  EXPECT_EQ(raw(), "hello\nhello\n");
  EXPECT_THAT(lines(), HasSubstr("[holdfast] console lost: sh ended"));
}

TEST_F(RecorderTest, SaysWhyItIsNotOpen) {
  start({.kind = ConsoleAccess::Kind::kExec, .argv = {"/no/such/program"}});
  EXPECT_TRUE(noted("no/such/program"));
  const auto open = recorder_->wait_open(Deadline::after(Millis(50)));
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().type(), "lab.console-lost");
  EXPECT_THAT(open.error().what, HasSubstr("/no/such/program"));
  EXPECT_FALSE(recorder_->send("x", Deadline::after(Millis(50))));
}

TEST_F(RecorderTest, RefusesAHostWithoutAConsole) {
  EXPECT_EQ(ConsoleRecorder::start({}, files_, {}).error().type(), "plan.cannot");
}

TEST_F(RecorderTest, ClientsGetAllFromWhenTheyCameAndMaySpeak) {
  start_open(echo());
  ASSERT_TRUE(recorder_->send("before;", soon()));
  ASSERT_TRUE(recorder_->expect("before;", 0, soon()));
  const auto first = client("first");
  const auto second = client("second");
  ASSERT_TRUE(first->send("from the first;", soon()));
  ASSERT_TRUE(second->expect("from the first;", 0, soon()));
  ASSERT_TRUE(second->send("from the second;", soon()));
  ASSERT_TRUE(first->expect("from the second;", 0, soon()));
  ASSERT_TRUE(second->expect("from the second;", 0, soon()));
  EXPECT_EQ(first->slice(0), "from the first;from the second;");
  EXPECT_EQ(second->slice(0), "from the first;from the second;");
  ASSERT_TRUE(recorder_->expect("from the second;", 0, soon()));
  EXPECT_EQ(raw(), "before;from the first;from the second;");
}

TEST_F(RecorderTest, SocketIsForItsOwnerOnly) {
  start_open(echo());
  struct stat there{};
  ASSERT_EQ(::stat(files_.socket.c_str(), &there), 0);
  EXPECT_EQ(there.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat(files_.socket.parent_path().c_str(), &there), 0);
  EXPECT_EQ(there.st_mode & 0777, 0700U);
  recorder_.reset();
  EXPECT_FALSE(std::filesystem::exists(files_.socket));
}

TEST_F(RecorderTest, RefusesASocketInAFolderThatOthersMayEnter) {
  ASSERT_TRUE(make_dirs(files_.socket.parent_path()));
  ::chmod(files_.socket.parent_path().c_str(), 0755);
  const auto started = ConsoleRecorder::start(echo(), files_, {});
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().hint, HasSubstr("chmod 700"));
}

TEST_F(RecorderTest, ASlowClientIsLetGoAndHoldsUpNothing) {
  start_open({.kind = ConsoleAccess::Kind::kExec, .argv = {"sh", "-c", "read x; head -c 40000000 /dev/zero; read x"}});
  const Fd slow = *connect_console(files_.socket);
  ASSERT_TRUE(recorder_->send("\n", soon()));
  EXPECT_TRUE(noted("did not read what it was given"));
  const Deadline deadline = soon();
  while (recorder_->mark() < 40'000'000U && !deadline.expired()) wait_until(Deadline::after(Millis(20)));
  EXPECT_EQ(std::filesystem::file_size(files_.raw), 40'000'000U);
}

TEST_F(RecorderTest, SysrqByItsWordIsOnePiece) {
  ConsoleAccess access = echo();
  access.sysrq_word = "holdfast-sysrq";
  start_open(access);
  ASSERT_TRUE(recorder_->send_sysrq('b', soon()));
  EXPECT_TRUE(recorder_->expect("holdfast-sysrqb", 0, soon()));
}

TEST_F(RecorderTest, SysrqWithoutWordOrBreakSaysWhatToSet) {
  start_open(echo());
  const auto sent = recorder_->send_sysrq('b', soon());
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().type(), "plan.cannot");
  EXPECT_THAT(sent.error().hint, HasSubstr("sysrq_word"));
}

TEST_F(RecorderTest, ATcpPortIsAConsoleAndIsFoundAgain) {
  const Fd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(server.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(server.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  ASSERT_EQ(::listen(server.get(), 4), 0);
  start({.kind = ConsoleAccess::Kind::kTcp, .address = "127.0.0.1", .port = ntohs(address.sin_port)});
  for (const std::string word : {"first;", "second;"}) {
    Fd machine(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_TRUE(write_all(machine.get(), word));
    ASSERT_TRUE(recorder_->expect(word, 0, soon()));
  }
  EXPECT_EQ(raw(), "first;second;");
}

TEST_F(RecorderTest, ASerialDeviceIsAConsole) {
  int machine = -1;
  int line = -1;
  std::array<char, 64> name{};
  ASSERT_EQ(::openpty(&machine, &line, name.data(), nullptr, nullptr), 0);
  const Fd machine_end(machine);
  const Fd line_end(line);
  start_open({.kind = ConsoleAccess::Kind::kSerial, .device = name.data()});
  ASSERT_TRUE(write_all(machine, "a\r\n\x03\x13z"));
  ASSERT_TRUE(recorder_->expect("a\r\n\x03\x13z", 0, soon()));
  ASSERT_TRUE(recorder_->send("x\r", soon()));
  ASSERT_EQ(wait_readable(machine, soon()), Wake::kReady);
  std::array<char, 8> heard{};
  EXPECT_EQ(::read(machine, heard.data(), heard.size()), 2);
  EXPECT_STREQ(heard.data(), "x\r");
}

TEST(SolEscape, DoublesWhatIpmitoolWouldTakeForItself) {
  SolEscape escape;
  EXPECT_EQ(escape.encode("~."), "~~.");
  EXPECT_EQ(escape.encode("a~b\r~"), "a~b\r~~");
  EXPECT_EQ(escape.encode("~\n~~"), "~\n~~~");
  EXPECT_EQ(escape.make_break(), "\r~B");
  EXPECT_EQ(escape.encode("\n"), "\n");
  EXPECT_EQ(escape.make_break(), "~B");
}

/// Over serial over LAN of a real BMC.
class SolTest : public RecorderTest {
 protected:
  void SetUp() override {
    auto started = RealBmc::start();
    ASSERT_TRUE(started) << started.error().what;
    bmc_ = *std::move(started);
  }
  ConsoleAccess sol() const { return {.kind = ConsoleAccess::Kind::kSol, .ipmi = bmc_->access()}; }

  std::unique_ptr<RealBmc> bmc_;
};

/// Every byte there is but NUL, some of them often.
std::string all_bytes() {
  std::string bytes = "~.\r~.\n~?~B\r\n~~\r~\r";
  for (int times = 0; times < 8; ++times) {
    for (int byte = 1; byte < 256; ++byte) bytes += static_cast<char>(byte);
  }
  return bytes;
}

TEST_F(SolTest, CarriesEveryByteBothWaysAndNoneOfItsOwn) {
  start_open(sol());
  bmc_->host_says(all_bytes() + "the end");
  EXPECT_TRUE(recorder_->expect("the end", 0, soon()));
  EXPECT_EQ(raw(), all_bytes() + "the end");
  ASSERT_TRUE(recorder_->send(all_bytes() + "the end", soon()));
  EXPECT_EQ(bmc_->host_hears("the end"), all_bytes() + "the end");
  EXPECT_EQ(raw(), all_bytes() + "the end");
}

TEST_F(SolTest, ABreakReachesTheHostAndItsEchoNotTheLog) {
  start_open(sol());
  ASSERT_TRUE(recorder_->send("line", soon()));
  ASSERT_TRUE(recorder_->send_sysrq('b', soon()));
  ASSERT_TRUE(recorder_->send("after", soon()));
  EXPECT_EQ(bmc_->host_hears("after"), "line\rbafter");
  bmc_->host_says("rebooting");
  ASSERT_TRUE(recorder_->expect("rebooting", 0, soon()));
  EXPECT_EQ(raw(), "rebooting");
}

TEST_F(SolTest, TakesTheConsoleFromWhoeverHasIt) {
  int ours = -1;
  int theirs = -1;
  ASSERT_EQ(::openpty(&ours, &theirs, nullptr, nullptr, nullptr), 0);
  const Fd our_end(ours);
  const Fd their_end(theirs);
  Command other = *ipmi_command(bmc_->access(), {"sol", "activate"});
  other.stdin_fd = other.stdout_fd = theirs;
  auto process = Process::start(other);
  ASSERT_TRUE(process);
  ASSERT_EQ(wait_readable(ours, soon()), Wake::kReady);
  start_open(sol());
  EXPECT_THAT(notes(), HasSubstr("console was taken from another session"));
  bmc_->host_says("mine");
  EXPECT_TRUE(recorder_->expect("mine", 0, soon()));
}

TEST_F(SolTest, TakesAStolenConsoleBack) {
  start_open(sol());
  bmc_->host_says("before;");
  ASSERT_TRUE(recorder_->expect("before;", 0, soon()));
  wait_until(Deadline::after(Millis(1500)));  // the watch has to have seen whose session it is
  ASSERT_TRUE(ipmi(bmc_->access(), {"sol", "deactivate"}, soon()));
  Command thief = *ipmi_command(bmc_->access(), {"sol", "activate"});
  int ours = -1;
  int theirs = -1;
  ASSERT_EQ(::openpty(&ours, &theirs, nullptr, nullptr, nullptr), 0);
  const Fd our_end(ours);
  const Fd their_end(theirs);
  thief.stdin_fd = thief.stdout_fd = theirs;
  auto process = Process::start(thief);
  ASSERT_TRUE(process);
  ASSERT_EQ(wait_readable(ours, soon()), Wake::kReady);
  EXPECT_TRUE(noted("gave the serial over LAN session to another"));
  EXPECT_TRUE(noted("console was taken from another session"));
  ASSERT_TRUE(recorder_->wait_open(soon()));
  bmc_->host_says("after;");
  ASSERT_TRUE(recorder_->expect("after;", 0, soon()));
  EXPECT_EQ(raw(), "before;after;");
  EXPECT_THAT(lines(), HasSubstr("[holdfast] console lost"));
}

TEST_F(SolTest, FindsABmcThatWasAway) {
  start_open(sol());
  bmc_->host_says("before;");
  ASSERT_TRUE(recorder_->expect("before;", 0, soon()));
  bmc_->kill();
  EXPECT_TRUE(noted("console lost: "));
  ASSERT_TRUE(bmc_->revive());
  ASSERT_TRUE(recorder_->wait_open(soon()));
  bmc_->host_says("after;");
  ASSERT_TRUE(recorder_->expect("after;", 0, soon()));
  EXPECT_EQ(raw(), "before;after;");
}

TEST_F(SolTest, LeavesTheConsoleFreeForTheNext) {
  start_open(sol());
  recorder_.reset();
  start_open(sol());
  EXPECT_THAT(notes(), Not(HasSubstr("taken")));
}

TEST_F(SolTest, SaysThatThePasswordIsWrong) {
  start({.kind = ConsoleAccess::Kind::kSol, .ipmi = bmc_->wrong_password()});
  EXPECT_TRUE(noted("console lost: "));
  EXPECT_FALSE(recorder_->wait_open(Deadline::after(Millis(50))));
  EXPECT_THAT(lines(), Not(HasSubstr("no\n")));
}

}  // namespace
}  // namespace holdfast::lab
