// Do files get to a host once and whole, and does its agent outlive those who started it? With a real sshd and agent.
#include "lab/metal/delivery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <optional>

#include "harness/base/digest.h"
#include "harness/wire/verbs_luo.h"
#include "lab/metal/real_sshd.h"
#include "tools/ctest/places.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

Deadline soon() { return Deadline::after(Millis(120'000)); }

class DeliveryToRealHost : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::create("delivery");
    ASSERT_TRUE(folder);
    folder_.emplace(*std::move(folder));
    ASSERT_TRUE(make_dirs(folder_->path() / "r"));
    auto sshd = RealSshd::start(folder_->path() / "host");
    ASSERT_TRUE(sshd) << sshd.error().what;
    sshd_.emplace(*std::move(sshd));
    places_ = {.work_dir = folder_->path() / "work dir", .run_dir = folder_->path() / "run"};
    connect();
  }
  /// The agent goes on by itself: that is what it is for.
  void TearDown() override {
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const auto pid = parse_u64(entry.path().filename().string());
      const auto arguments = pid ? read_file(entry.path() / "cmdline") : Result<std::string>();
      if (pid && arguments && arguments->find(places_.socket().string()) != std::string::npos) {
        ::kill(static_cast<pid_t>(*pid), SIGKILL);
      }
    }
  }

  void connect() {
    ssh_.reset();
    auto ssh = Ssh::open(sshd_->access(), folder_->path() / "r", "boot", soon());
    ASSERT_TRUE(ssh) << ssh.error().what;
    ssh_.emplace(*std::move(ssh));
  }
  Delivery open() {
    auto delivery = Delivery::open(*ssh_, places_, soon());
    EXPECT_TRUE(delivery) << delivery.error().what;
    return *delivery;
  }
  HostAgent agent() {
    auto host = open().agent(agent_program(), soon());
    EXPECT_TRUE(host) << host.error().type() << ": " << host.error().what;
    return *std::move(host);
  }
  fs::path local(std::string_view content) {
    const fs::path path = folder_->path() / sha256(content).substr(0, 8);
    EXPECT_TRUE(write_file(path, content));
    return path;
  }

  std::optional<TempDir> folder_;
  std::optional<RealSshd> sshd_;
  HostPlaces places_;
  std::optional<Ssh> ssh_;
};

TEST_F(DeliveryToRealHost, BringsAFileOnce) {
  Delivery delivery = open();
  const auto brought = delivery.bring(local("kernel"), soon());
  ASSERT_TRUE(brought) << brought.error().what;
  EXPECT_EQ(*brought, sha256("kernel"));
  const fs::path there = places_.work_dir / *brought;
  EXPECT_EQ(*read_file(there), "kernel");
  EXPECT_EQ(fs::status(places_.work_dir).permissions(), fs::perms::owner_all);
  fs::permissions(there, fs::perms::owner_read);
  ASSERT_TRUE(delivery.bring(local("kernel"), soon()));
  EXPECT_EQ(fs::status(there).permissions(), fs::perms::owner_read) << "it was not sent again";
}

TEST_F(DeliveryToRealHost, BringsAgainWhatHasBecomeSomethingElse) {
  Delivery delivery = open();
  ASSERT_TRUE(delivery.bring(local("kernel"), soon()));
  ASSERT_TRUE(write_file(places_.work_dir / sha256("kernel"), "ker"));
  ASSERT_TRUE(delivery.bring(local("kernel"), soon()));
  EXPECT_EQ(*read_file(places_.work_dir / sha256("kernel")), "kernel");
}

TEST_F(DeliveryToRealHost, RemovesWhatNobodyHasUsedForAWeek) {
  ASSERT_TRUE(open().bring(local("new"), soon()));
  ASSERT_TRUE(open().bring(local("old"), soon()));
  const fs::path old = places_.work_dir / sha256("old");
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(24 * 9));
  open();
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(places_.work_dir / sha256("new")));
}

TEST_F(DeliveryToRealHost, UsesNoFolderThatIsALinkToAnother) {
  ASSERT_TRUE(make_dirs(folder_->path() / "elsewhere"));
  fs::create_directory_symlink(folder_->path() / "elsewhere", places_.work_dir);
  const auto opened = Delivery::open(*ssh_, places_, soon());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().type(), "lab.work-dir");
}

TEST_F(DeliveryToRealHost, SaysThatNothingCanBeRunFromTheFolder) {
  ASSERT_TRUE(make_dirs(places_.work_dir));
  if (::mount("holdfast-test", places_.work_dir.c_str(), "tmpfs", MS_NOEXEC, "size=1m") != 0) {
    GTEST_SKIP() << "cannot mount: errno " << errno;
  }
  const auto opened = Delivery::open(*ssh_, places_, soon());
  ::umount2(places_.work_dir.c_str(), MNT_DETACH);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().type(), "lab.work-dir");
  EXPECT_THAT(opened.error().hint, HasSubstr("noexec"));
}

TEST_F(DeliveryToRealHost, JoinsWhatIsSecretAwayFromTheDisk) {
  Delivery delivery = open();
  const fs::path base = local("payload");
  const auto brought = delivery.bring(base, soon());
  ASSERT_TRUE(brought);
  const auto joined = delivery.join_secret(*brought, base, local("and keys"), soon());
  ASSERT_TRUE(joined) << joined.error().what;
  EXPECT_EQ(*joined, sha256("payloadand keys"));
  EXPECT_FALSE(fs::exists(places_.work_dir / *joined));
  HostAgent host = agent();
  EXPECT_TRUE(host.agent->call(wire::Have{.sha256 = *joined}, soon())->have);
  EXPECT_TRUE(host.agent->call(wire::Have{.sha256 = *brought}, soon())->have);
  // A damaged base is not joined.
  ASSERT_TRUE(write_file(places_.work_dir / *brought, "pay"));
  EXPECT_EQ(delivery.join_secret(*brought, base, local("and keys"), soon()).error().type(), "lab.remote");
}

// ---- the agent

TEST_F(DeliveryToRealHost, AgentOutlivesTheConnectionThatStartedIt) {
  wire::Handle kept = 0;
  {
    HostAgent first = agent();
    const auto memfd = first.agent->call(wire::MemfdCreate{.name = "kept", .size = 16}, soon());
    ASSERT_TRUE(memfd) << memfd.error().what;
    kept = memfd->handle;
  }
  sshd_->kill_all();  // as a network that breaks
  auto again = RealSshd::start(folder_->path() / "again");
  ASSERT_TRUE(again);
  sshd_.reset();
  sshd_.emplace(*std::move(again));
  connect();
  HostAgent second = agent();
  EXPECT_TRUE(second.agent->call(wire::MemfdRead{.memfd = kept, .offset = 0, .length = 1}, soon()))
      << "it is the same agent";
}

TEST_F(DeliveryToRealHost, AgentLeavesOneThatBrokeForOneThatIsThere) {
  HostAgent first = agent();
  auto second = Ssh::open(sshd_->access(), folder_->path() / "r", "second", soon());
  ASSERT_TRUE(second);
  auto delivery = Delivery::open(*second, places_, soon());
  ASSERT_TRUE(delivery);
  const auto host = delivery->agent(agent_program(), soon());
  ASSERT_TRUE(host) << host.error().what;
  EXPECT_EQ(first.agent->call(wire::Hello{}, soon()).error().type(), "lab.link");
}

TEST_F(DeliveryToRealHost, AgentOfAnotherBuildMakesRoomWhenItHoldsNothing) {
  // Behind an executable's own bytes there may be anything: it is another build, and works as the first one does.
  const fs::path other = folder_->path() / "other-agent";
  ASSERT_TRUE(write_file(other, *read_file(agent_program()) + "another build"));
  {
    const auto old = open().agent(other, soon());
    ASSERT_TRUE(old) << old.error().what;
    const auto memfd = old->agent->call(wire::MemfdCreate{.name = "held", .size = 16}, soon());
    ASSERT_TRUE(memfd);
  }
  const auto busy = open().agent(agent_program(), soon());
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().type(), "lab.agent-busy");
  EXPECT_THAT(busy.error().what, HasSubstr("open files"));
  {
    const auto old = open().agent(other, soon());
    ASSERT_TRUE(old->agent->call(wire::Close{.handle = 1}, soon()));
  }
  EXPECT_EQ(agent().agent->hello().agent_build, *sha256_file(agent_program()));
}

TEST_F(DeliveryToRealHost, SaysWhyAnAgentCannotBeStarted) {
  const auto started = open().agent("/bin/false", soon());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().blame, Blame::kLab);
}

}  // namespace
}  // namespace holdfast::lab
