// Is a kernel without any port of the agent's reached by ssh, before and after a kexec, and by nobody else?
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/e2e/remote_machine.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A machine reached over its network needs patience: an emulated CPU takes its time for a key exchange.
Deadline patience() { return Deadline::after(Millis(300'000)); }

class RemoteKernel : public testing::Test {
 protected:
  void start(const RemoteAccess& access) {
    auto started = RemoteMachine::start(dir_.path(), access);
    ASSERT_TRUE(started) << started.error().what;
    machine_ = *std::move(started);
  }

  std::string said() const {
    const auto ssh = read_file(dir_.path() / "ssh.log");
    return fmt::format("\nconsole:\n{}\nssh:\n{}", machine_->console(), ssh ? *ssh : "");
  }

  TempDir dir_ = *TempDir::create("holdfast-remote");
  Keys host_ = RemoteMachine::make_keys(dir_.path(), "host");
  Keys client_ = RemoteMachine::make_keys(dir_.path(), "client");
  Keys stranger_ = RemoteMachine::make_keys(dir_.path(), "stranger");
  std::unique_ptr<RemoteMachine> machine_;
};

TEST_F(RemoteKernel, IsReachedBySshBeforeAndAfterAKexec) {
  const auto began = Deadline::Clock::now();
  start(RemoteMachine::access(host_, client_));
  ASSERT_TRUE(machine_);
  auto first = machine_->connect(client_, host_, patience());
  ASSERT_TRUE(first) << first.error().what << said();
  const auto took = std::chrono::duration_cast<Millis>(Deadline::Clock::now() - began);
  const wire::Hello before = (*first)->hello();
  fmt::print("kernel start to agent ready {} ms, power on to the agent's hello over ssh {} ms\n", before.uptime_ms,
             took.count());
  EXPECT_TRUE(before.is_init);
  EXPECT_THAT(before.warnings, testing::IsEmpty());
  EXPECT_EQ(before.cmdline, RemoteMachine::kCmdline);

  const wire::KexecLoad load{.kernel = machine_->kernel_sha256(),
                             .initrd = "same",
                             .cmdline = std::string(RemoteMachine::kCmdline) + " holdfast.boot=second"};
  const auto loaded = (*first)->call(load, patience());
  ASSERT_TRUE(loaded) << loaded.error().what;
  const auto left = (*first)->leave(patience());
  ASSERT_TRUE(left) << left.error().what;

  auto second = machine_->connect(client_, host_, patience());
  ASSERT_TRUE(second) << second.error().what << said();
  const wire::Hello& after = (*second)->hello();
  EXPECT_NE(after.boot_id, before.boot_id);
  EXPECT_THAT(after.cmdline, HasSubstr("holdfast.boot=second"));
  EXPECT_EQ(after.build_id, before.build_id);
  EXPECT_THAT(after.warnings, testing::IsEmpty());
  // A connection that is lost, as by a controller that dies, leaves the agent to the next one.
  auto third = machine_->connect(client_, host_, patience());
  ASSERT_TRUE(third) << third.error().what;
  EXPECT_EQ((*third)->boot_id(), after.boot_id);
}

// As on a host, where the large part of a payload is there already and each boot gets keys of its own.
TEST_F(RemoteKernel, GetsNewKeysWithAPartOfItsOwn) {
  start(RemoteMachine::access(host_, client_));
  ASSERT_TRUE(machine_);
  auto first = machine_->connect(client_, host_, patience());
  ASSERT_TRUE(first) << first.error().what << said();
  const Keys new_host = RemoteMachine::make_keys(dir_.path(), "new-host");
  const fs::path part = dir_.path() / "part.cpio";
  ASSERT_TRUE(write_remote_part(RemoteMachine::access(new_host, client_), part));
  const auto sent = (*first)->upload(part, patience());
  ASSERT_TRUE(sent) << sent.error().what;
  const auto loaded = (*first)->call(wire::KexecLoad{.kernel = machine_->kernel_sha256(),
                                                     .initrd = machine_->shared_sha256() + "+" + *sent,
                                                     .cmdline = RemoteMachine::kCmdline},
                                     patience());
  ASSERT_TRUE(loaded) << loaded.error().what;
  ASSERT_TRUE((*first)->leave(patience()));

  auto second = machine_->connect(client_, new_host, patience());
  ASSERT_TRUE(second) << second.error().what << said();
  EXPECT_NE((*second)->boot_id(), (*first)->boot_id());
  EXPECT_EQ(machine_->ssh(client_, host_, {wire::kBridgeCommand}).status.code, 255) << "the old key still answers";
}

TEST_F(RemoteKernel, LetsNobodyElseInAndNothingElseBeDone) {
  start(RemoteMachine::access(host_, client_));
  ASSERT_TRUE(machine_);
  {
    const auto agent = machine_->connect(client_, host_, patience());
    ASSERT_TRUE(agent) << agent.error().what;
  }
  const Output uninvited = machine_->ssh(stranger_, host_, {wire::kBridgeCommand});
  EXPECT_EQ(uninvited.status.code, 255);
  EXPECT_THAT(uninvited.err, HasSubstr("Permission denied (publickey)"));

  const Output impostor = machine_->ssh(client_, stranger_, {wire::kBridgeCommand});
  EXPECT_EQ(impostor.status.code, 255);
  EXPECT_THAT(impostor.err, HasSubstr("Host key verification failed"));

  for (const char* command : {"uname -a", "/init --listen /tmp/other", ""}) {
    const Output refused = machine_->ssh(client_, host_, {command});
    EXPECT_EQ(refused.status.code, 2) << command << refused.err;
    EXPECT_THAT(refused.err, HasSubstr("nothing but \"/init --bridge /run/holdfast/agent.sock\"")) << command;
    EXPECT_EQ(refused.out, "") << command;
  }
  const Output subsystem = machine_->ssh(client_, host_, {"-s", "sftp"});
  EXPECT_EQ(subsystem.status.code, 255);
  const Output forwarded = machine_->ssh(client_, host_, {"-W", "127.0.0.1:22"});
  EXPECT_EQ(forwarded.status.code, 255);
  EXPECT_THAT(forwarded.err, HasSubstr("administratively prohibited"));
}

TEST_F(RemoteKernel, SaysOnTheConsoleWhichInterfacesItFoundInstead) {
  RemoteAccess access = RemoteMachine::access(host_, client_);
  access.network.mac = "52:54:00:aa:00:99";
  start(access);
  ASSERT_TRUE(machine_);
  EXPECT_TRUE(machine_->console_says("no interface has the address 52:54:00:aa:00:99", patience()));
  EXPECT_THAT(machine_->console(), HasSubstr("eth1 52:54:00:aa:00:07"));
}

TEST_F(RemoteKernel, StartsAnSshdThatEndedAgain) {
  RemoteAccess access = RemoteMachine::access(host_, client_);
  access.ssh.host_key = "-----BEGIN OPENSSH PRIVATE KEY-----\nnone\n-----END OPENSSH PRIVATE KEY-----\n";
  start(access);
  ASSERT_TRUE(machine_);
  EXPECT_TRUE(machine_->console_says("is started again in 1 s", patience())) << machine_->console();
  EXPECT_TRUE(machine_->console_says("is started again in 2 s", patience())) << machine_->console();
  EXPECT_THAT(machine_->console(), HasSubstr("no hostkeys available"));
}

}  // namespace
}  // namespace holdfast::e2e
