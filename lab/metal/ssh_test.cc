// Does the way to a host do what it should, with a real sshd at its end, and say right what is wrong with it?
#include "lab/metal/ssh.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <thread>

#include "harness/base/digest.h"
#include "lab/metal/real_sshd.h"
#include "lab/metal/ssh_config.h"
#include "lab/metal/ssh_errors.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

Deadline soon() { return Deadline::after(Millis(60'000)); }

std::vector<pid_t> processes_with(std::string_view word) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const auto pid = parse_u64(entry.path().filename().string());
    const auto arguments = pid ? read_file(entry.path() / "cmdline") : Result<std::string>();
    if (pid && arguments && arguments->find(word) != std::string::npos) found.push_back(static_cast<pid_t>(*pid));
  }
  return found;
}

class SshToRealHost : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::create("ssh");
    ASSERT_TRUE(folder);
    folder_.emplace(*std::move(folder));
    ASSERT_TRUE(make_dirs(folder_->path() / "r"));
    auto sshd = RealSshd::start(folder_->path() / "host");
    ASSERT_TRUE(sshd) << sshd.error().what;
    sshd_.emplace(*std::move(sshd));
  }

  Result<Ssh> open(const SshAccess& access, const Deadline& deadline) {
    return Ssh::open(access, folder_->path() / "r", "boot", deadline);
  }
  Ssh open() {
    auto ssh = open(sshd_->access(), soon());
    EXPECT_TRUE(ssh) << ssh.error().type() << " " << ssh.error().what << ssh.error().evidence.back().text;
    return *std::move(ssh);
  }
  /// What was told to end may take a moment to be gone.
  void expect_no_process() const {
    const std::string mark = (folder_->path() / "r").string();
    for (const Deadline deadline = soon(); !processes_with(mark).empty() && !deadline.expired();) {
      wait_until(Deadline::after(Millis(10)));
    }
    EXPECT_TRUE(processes_with(mark).empty());
  }

  std::optional<TempDir> folder_;
  std::optional<RealSshd> sshd_;
};

TEST_F(SshToRealHost, RunsACommandAndGivesItsExitCode) {
  Ssh ssh = open();
  const auto output = ssh.run({"sh", "-c", "echo out; echo err >&2; exit 7"}, soon());
  ASSERT_TRUE(output) << output.error().what;
  EXPECT_EQ(output->out, "out\n");
  EXPECT_EQ(output->err, "err\n");
  EXPECT_EQ(output->status.code, 7);
}

TEST_F(SshToRealHost, HandsEachWordOnAsItIs) {
  Ssh ssh = open();
  const auto output = ssh.ask({"printf", "%s|", "a b", "", "'", "\"$HOME\"", "*", "a\nb", "\\", "-n"}, soon());
  ASSERT_TRUE(output) << output.error().what;
  EXPECT_EQ(*output, "a b||'|\"$HOME\"|*|a\nb|\\|-n|");
}

TEST_F(SshToRealHost, TellsAProgramsExitCode255FromItsOwn) {
  Ssh ssh = open();
  const auto output = ssh.run({"sh", "-c", "exit 255"}, soon());
  ASSERT_TRUE(output) << output.error().what;
  EXPECT_EQ(output->status.code, 255);
}

TEST_F(SshToRealHost, CarriesMuchBothWays) {
  Ssh ssh = open();
  const std::string much(3'000'000, 'm');
  const auto output = ssh.run({"cat"}, soon(), much);
  ASSERT_TRUE(output) << output.error().what;
  EXPECT_EQ(output->out.size(), much.size());
  EXPECT_EQ(sha256(output->out), sha256(much));
}

TEST_F(SshToRealHost, SaysWhatACommandThatFailedSaid) {
  Ssh ssh = open();
  const auto asked = ssh.ask({"sh", "-c", "echo first >&2; echo because >&2; exit 3"}, soon());
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().type(), "lab.remote");
  EXPECT_THAT(asked.error().what, AllOf(HasSubstr("exit code 3"), HasSubstr("because")));
}

TEST_F(SshToRealHost, EndsACommandAtItsDeadline) {
  Ssh ssh = open();
  const auto output = ssh.run({"sleep", "600"}, Deadline::after(Millis(500)));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().type(), "lab.timeout");
  EXPECT_TRUE(ssh.run({"true"}, soon())) << "the connection is as good as before";
}

TEST_F(SshToRealHost, StopsWhenAskedTo) {
  Ssh ssh = open();
  const auto stop = Stop::create();
  ASSERT_TRUE(stop);
  stop->request();
  EXPECT_EQ(ssh.run({"sleep", "600"}, Deadline::after(Millis(60'000), &*stop)).error().type(), "harness.stopped");
}

// ---- files and streams

TEST_F(SshToRealHost, PutsAFileThereInOneStep) {
  Ssh ssh = open();
  const fs::path local = folder_->path() / "local";
  const fs::path remote = folder_->path() / "a name with 'quotes'";
  std::string content(2'000'000, 'f');
  content[77] = '\0';
  ASSERT_TRUE(write_file(local, content));
  const auto sent = ssh.send_file({.local = local, .remote = remote, .mode = 0750, .sha256 = sha256(content)}, soon());
  ASSERT_TRUE(sent) << sent.error().what;
  EXPECT_EQ(*read_file(remote), content);
  EXPECT_EQ(fs::status(remote).permissions(), static_cast<fs::perms>(0750));
}

TEST_F(SshToRealHost, LeavesNothingOfAFileThatArrivedWrong) {
  Ssh ssh = open();
  const fs::path local = folder_->path() / "local";
  const fs::path there = folder_->path() / "there";
  ASSERT_TRUE(write_file(local, "this"));
  ASSERT_TRUE(make_dirs(there));
  const auto sent = ssh.send_file({.local = local, .remote = there / "f", .sha256 = sha256("that")}, soon());
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().type(), "lab.remote");
  EXPECT_THAT(sent.error().what, HasSubstr(sha256("this")));
  EXPECT_TRUE(fs::is_empty(there));
}

TEST_F(SshToRealHost, SaysThatAFileCannotBePutThere) {
  Ssh ssh = open();
  const auto sent = ssh.send_file({.local = "/etc/hostname", .remote = folder_->path() / "no" / "folder"}, soon());
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().type(), "lab.remote");
}

TEST_F(SshToRealHost, IsAStreamToAProgram) {
  Ssh ssh = open();
  auto bridge = ssh.bridge({"cat"});
  ASSERT_TRUE(bridge) << bridge.error().what;
  ASSERT_TRUE(write_all(bridge->socket.get(), "there and back"));
  std::array<char, 64> piece{};
  ASSERT_EQ(wait_readable(bridge->socket.get(), soon()), Wake::kReady);
  const ssize_t got = ::read(bridge->socket.get(), piece.data(), piece.size());
  ASSERT_GT(got, 0);
  EXPECT_EQ(std::string_view(piece.data(), static_cast<size_t>(got)), "there and back");
  ::shutdown(bridge->socket.get(), SHUT_WR);
  EXPECT_TRUE(bridge->process.wait(soon())) << "cat has seen the end";
}

// ---- who may be spoken to

TEST_F(SshToRealHost, SendsNothingToAHostWithAnotherKey) {
  SshAccess access = sshd_->access();
  const auto other = make_test_key(folder_->path() / "other");
  ASSERT_TRUE(other);
  access.host.host_key = *other;
  const auto ssh = open(access, soon());
  ASSERT_FALSE(ssh);
  EXPECT_EQ(ssh.error().type(), "lab.host-key");
  EXPECT_THAT(ssh.error().what, AllOf(HasSubstr(fingerprint_of(*other, soon())),
                                      HasSubstr(fingerprint_of(sshd_->endpoint().host_key, soon()))));
  EXPECT_THAT(sshd_->log(), Not(HasSubstr("publickey"))) << "our own key was not even shown";
  EXPECT_TRUE(fs::is_empty(folder_->path() / "r"));
}

TEST_F(SshToRealHost, SendsNothingToAHostWithAnotherKindOfKey) {
  SshAccess access = sshd_->access();
  ASSERT_TRUE(
      run({.argv = {"ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-C", "", "-f", (folder_->path() / "ecdsa").string()}},
          soon()));
  access.host.host_key = std::string(trim(*read_file(folder_->path() / "ecdsa.pub")));
  const auto ssh = open(access, soon());
  ASSERT_FALSE(ssh);
  EXPECT_EQ(ssh.error().type(), "lab.host-key");
}

TEST_F(SshToRealHost, IsNotLetInWithAnotherKey) {
  SshAccess access = sshd_->access();
  ASSERT_TRUE(make_test_key(folder_->path() / "other"));
  access.host.key = folder_->path() / "other";
  const auto ssh = open(access, soon());
  ASSERT_FALSE(ssh);
  EXPECT_EQ(ssh.error().type(), "lab.ssh-auth");
}

TEST_F(SshToRealHost, SaysThatNobodyListens) {
  SshAccess access = sshd_->access();
  sshd_->kill_all();
  const auto ssh = open(access, soon());
  ASSERT_FALSE(ssh);
  EXPECT_EQ(ssh.error().type(), "lab.ssh-refused");
  EXPECT_THAT(ssh.error().what, HasSubstr(fmt::format("port {}", access.host.port)));
}

TEST_F(SshToRealHost, SaysThatItCannotFindTheHost) {
  SshAccess access = sshd_->access();
  access.host.address = "no-such-host.invalid";
  EXPECT_EQ(open(access, soon()).error().type(), "lab.ssh-name");
}

// ---- connections that end

TEST_F(SshToRealHost, NoticesThatTheHostIsGone) {
  Ssh ssh = open();
  auto bridge = ssh.bridge({"cat"});
  ASSERT_TRUE(bridge);
  EXPECT_TRUE(ssh.alive());
  sshd_->kill_all();
  EXPECT_TRUE(bridge->process.wait(soon()));
  EXPECT_EQ(wait_readable(ssh.pidfd(), soon()), Wake::kReady);
  EXPECT_FALSE(ssh.alive());
  EXPECT_EQ(ssh.run({"true"}, soon()).error().type(), "lab.ssh-lost");
  EXPECT_EQ(ssh.bridge({"cat"}).error().type(), "lab.ssh-lost");
}

TEST_F(SshToRealHost, NoticesThatTheHostGoesWhileACommandRuns) {
  Ssh ssh = open();
  std::thread killer([&] {
    while (sshd_->log().find("Starting session: command") == std::string::npos) {
      wait_until(Deadline::after(Millis(10)));
    }
    sshd_->kill_all();
  });
  const auto output = ssh.run({"sleep", "60"}, soon());
  killer.join();
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().type(), "lab.ssh-lost");
}

TEST_F(SshToRealHost, ReachesNoOtherBootThanItsOwn) {
  Ssh ssh = open();
  sshd_->kill_all();
  EXPECT_EQ(wait_readable(ssh.pidfd(), soon()), Wake::kReady);
  auto next = RealSshd::start(folder_->path() / "next", "", sshd_->port());
  ASSERT_TRUE(next) << next.error().what;
  EXPECT_EQ(ssh.run({"true"}, soon()).error().type(), "lab.ssh-lost");
  EXPECT_EQ(open(sshd_->access(), soon()).error().type(), "lab.host-key") << "at the same address";
  EXPECT_TRUE(open(next->access(), soon()));
}

TEST_F(SshToRealHost, WaitsForASlowHost) {
  sshd_->signal_all(SIGSTOP);
  EXPECT_EQ(open(sshd_->access(), Deadline::after(Millis(500))).error().type(), "lab.ssh-timeout");
  std::thread waker([&] {
    wait_until(Deadline::after(Millis(300)));
    sshd_->signal_all(SIGCONT);
  });
  EXPECT_TRUE(open(sshd_->access(), soon()));
  waker.join();
}

TEST_F(SshToRealHost, OutlastsAPauseOfTheHost) {
  Ssh ssh = open();
  sshd_->signal_all(SIGSTOP);
  EXPECT_EQ(ssh.run({"true"}, Deadline::after(Millis(300))).error().type(), "lab.timeout");
  sshd_->signal_all(SIGCONT);
  EXPECT_TRUE(ssh.run({"true"}, soon()));
}

TEST_F(SshToRealHost, LeavesNothingBehind) {
  {
    Ssh ssh = open();
    auto bridge = ssh.bridge({"cat"});
    ASSERT_TRUE(bridge);
    EXPECT_FALSE(processes_with((folder_->path() / "r").string()).empty());
    ssh.close();
    ssh.close();
    EXPECT_FALSE(ssh.alive());
  }
  expect_no_process();
  EXPECT_TRUE(fs::is_empty(folder_->path() / "r"));
}

TEST_F(SshToRealHost, EndsWithTheProgramThatOpenedIt) {
  std::thread owner([&] {
    static auto* leaked = new Ssh(open());  // no destructor runs: as if the program had been killed
    EXPECT_TRUE(leaked->alive());
  });
  owner.join();
  expect_no_process();
}

// ---- through another machine

TEST_F(SshToRealHost, GoesThroughAJumpHost) {
  auto jump = RealSshd::start(folder_->path() / "jump");
  ASSERT_TRUE(jump) << jump.error().what;
  SshAccess access = sshd_->access();
  access.jump = jump->endpoint();
  auto ssh = open(access, soon());
  ASSERT_TRUE(ssh) << ssh.error().what << ssh.error().evidence.back().text;
  EXPECT_EQ(*ssh->ask({"echo", "through"}, soon()), "through\n");
  EXPECT_THAT(jump->log(), HasSubstr("Accepted publickey"));
  jump->kill_all();
  EXPECT_EQ(wait_readable(ssh->pidfd(), soon()), Wake::kReady);
  EXPECT_EQ(ssh->run({"true"}, soon()).error().type(), "lab.ssh-lost");
}

TEST_F(SshToRealHost, SaysWhichOfTwoMachinesItIs) {
  auto jump = RealSshd::start(folder_->path() / "jump");
  ASSERT_TRUE(jump) << jump.error().what;
  SshAccess access = sshd_->access();
  access.jump = jump->endpoint();
  access.jump->host_key = sshd_->endpoint().host_key;
  Error wrong = open(access, soon()).error();
  EXPECT_EQ(wrong.type(), "lab.host-key");
  EXPECT_THAT(wrong.what, HasSubstr("the jump host"));

  access.jump = jump->endpoint();
  access.host.host_key = jump->endpoint().host_key;
  wrong = open(access, soon()).error();
  EXPECT_EQ(wrong.type(), "lab.host-key");
  EXPECT_THAT(wrong.what, Not(HasSubstr("the jump host")));

  access.host = sshd_->endpoint();
  access.host.port = free_port();
  wrong = open(access, soon()).error();
  EXPECT_EQ(wrong.type(), "lab.ssh-refused");
  EXPECT_THAT(wrong.what, Not(HasSubstr("the jump host")));

  access.host = sshd_->endpoint();
  access.jump->port = free_port();
  wrong = open(access, soon()).error();
  EXPECT_EQ(wrong.type(), "lab.ssh-refused");
  EXPECT_THAT(wrong.what, HasSubstr("the jump host"));
}

// ---- what ssh says, and what is said to it

TEST(SshError, KnowsWhatSshSays) {
  const SshAccess access{.host = {.address = "192.0.2.7", .host_key = "ssh-ed25519 AAAA"}};
  const std::array<std::pair<const char*, const char*>, 10> table{{
      {"root@192.0.2.7: Permission denied (publickey).", "ssh-auth"},
      {"ssh: connect to host 192.0.2.7 port 22: Connection timed out", "ssh-timeout"},
      {"Connection timed out during banner exchange\nConnection to 192.0.2.7 port 22 timed out", "ssh-timeout"},
      {"ssh: connect to host 192.0.2.7 port 22: No route to host", "ssh-timeout"},
      {"kex_exchange_identification: read: Connection reset by peer", "ssh-lost"},
      {"Timeout, server 192.0.2.7 not responding.", "ssh-lost"},
      {"Unable to negotiate with 192.0.2.7 port 22: no matching host key type found. Their offer: x", "host-key"},
      {"client_loop: send disconnect: Broken pipe", "ssh-lost"},
      {"something new", "link"},
      {"", "link"},
  }};
  for (const auto& [words, kind] : table) {
    const Error error = ssh_error("connect to", access, words);
    EXPECT_EQ(error.kind, kind) << words;
    EXPECT_EQ(error.blame, Blame::kLab);
    EXPECT_THAT(error.what, HasSubstr("root@192.0.2.7 port 22"));
  }
}

TEST(SshConfig, TakesOnlyWhatItCanHold) {
  SshAccess access{.host = {.address = "192.0.2.7", .key = "/k e%y", .host_key = "ssh-ed25519 AAAA"}};
  const auto text = ssh_config(access, "/f");
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, AllOf(HasSubstr("IdentityFile \"/k e%%y\""), HasSubstr("IdentitiesOnly yes")));
  access.host.key = "";
  EXPECT_THAT(*ssh_config(access, "/f"), Not(HasSubstr("IdentitiesOnly"))) << "what the user's own agent offers";
  for (const char* address : {"", "-oProxyCommand=x", "a\nProxyCommand x", "a\"b"}) {
    access.host.address = address;
    EXPECT_FALSE(ssh_config(access, "/f")) << address;
  }
}

TEST(SshConfig, HasNoFolderWithoutRoomForASocket) {
  const SshAccess access{.host = {.address = "127.0.0.1", .host_key = "ssh-ed25519 AAAA"}};
  for (const std::string& folder : {"/tmp/" + std::string(90, 'x'), std::string("/tmp/a b"), std::string("/tmp/$x")}) {
    EXPECT_EQ(Ssh::open(access, folder, "boot", soon()).error().kind, "usage");
  }
}

}  // namespace
}  // namespace holdfast::lab
