// Is a machine forked only where that changes nothing that a case looks at, and from nothing but its like?
#include "lab/qemu/fork.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "harness/base/file.h"
#include "harness/wire/codec.h"
#include "harness/wire/verbs_fork.h"
#include "lab/qemu/vfio_argv.h"

namespace holdfast::lab {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

QemuSpec ordinary() { return {.kernel = "/k", .initrd = "/i", .cmdline = "kho=on"}; }
BootSpec about(std::vector<std::string> roles) {
  return {.kernel = "/k",
          .next_kernel = "/k",
          .modules = {},
          .append = "",
          .roles = std::move(roles),
          .whole_machine = false,
          .own_way = false};
}

TEST(WhyNotForked, SaysNothingOfWhatCanBeSaved) {
  EXPECT_THAT(why_not_forked(ordinary(), about({"e1000e", "virtio-net"})), IsEmpty());
  EXPECT_THAT(why_not_forked(ordinary(), about({})), IsEmpty());
}

TEST(WhyNotForked, NamesTheDeviceWhoseStateCannotBeSaved) {
  EXPECT_THAT(why_not_forked(ordinary(), about({"e1000e", "nvme"})), HasSubstr("nvme"));
  EXPECT_THAT(why_not_forked(ordinary(), about({"edu"})), HasSubstr("edu"));
  QemuSpec branches = ordinary();
  branches.topology = "branches";
  EXPECT_THAT(why_not_forked(branches, about({"testdev-shared"})), HasSubstr("testdev-shared"));
}

TEST(WhyNotForked, KeepsTheWholeMachineForCasesThatLookAtAllOfIt) {
  BootSpec all = about({});
  all.whole_machine = true;
  EXPECT_THAT(why_not_forked(ordinary(), all), HasSubstr("nvme, edu, testdev"));
  QemuSpec hot_plug = ordinary();
  hot_plug.topology = "hot-plug";
  EXPECT_THAT(why_not_forked(hot_plug, all), IsEmpty());
}

TEST(WhyNotForked, LeavesOwnWordsPassedDevicesAndKvmAlone) {
  BootSpec own = about({"e1000e"});
  own.own_way = true;
  EXPECT_THAT(why_not_forked(ordinary(), own), HasSubstr("command line"));
  QemuSpec passed = ordinary();
  passed.further = {"-device", "vfio-pci"};
  EXPECT_EQ(why_not_forked(passed, about({})), kNoSnapshot);
  QemuSpec kvm = ordinary();
  kvm.accel = Accel::kKvm;
  EXPECT_THAT(why_not_forked(kvm, about({})), HasSubstr("KVM"));
}

TEST(ForkKey, ChangesWithAllThatAMachineIsMadeOfAndNothingElse) {
  const std::string key = fork_key(holding(ordinary()), "m");
  QemuSpec elsewhere = holding(ordinary());
  elsewhere.name = "another";
  elsewhere.kernel = "/the/same/kernel";
  EXPECT_EQ(fork_key(elsewhere, "m"), key);
  std::set<std::string> keys{key, fork_key(holding(ordinary()), "other"), fork_key(ordinary(), "m")};
  const std::function<void(QemuSpec&)> changes[] = {
      [](QemuSpec& q) { q.cmdline += " fault=1"; }, [](QemuSpec& q) { q.memory_mib = 768; },
      [](QemuSpec& q) { q.cpus = 2; }, [](QemuSpec& q) { q.topology = "branches"; },
      [](QemuSpec& q) { q.accel = Accel::kKvm; }};
  for (const auto& change : changes) {
    QemuSpec spec = holding(ordinary());
    change(spec);
    EXPECT_TRUE(keys.insert(fork_key(spec, "m")).second);
  }
}

wire::Message hello_of(const std::string& boot_id) {
  wire::Hello hello;
  hello.boot_id = boot_id;
  return wire::make_event(hello);
}

class LetGoOn : public testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    far_ = Fd(ends[0]);
    auto link = Link::over(Fd(ends[1]));
    ASSERT_TRUE(link);
    link_.emplace(*std::move(link));
  }
  void agent_says(const wire::Message& message) { ASSERT_TRUE(write_all(far_.get(), wire::encode_frame(message))); }
  Fd far_;
  std::optional<Link> link_;
};

TEST_F(LetGoOn, LeavesTheHelloThatFollowsForWhoeverAdoptsTheAgent) {
  agent_says(hello_of("too early"));
  agent_says(wire::make_reply(1, wire::Empty{}));
  agent_says(hello_of("new"));
  ASSERT_TRUE(let_go_on(*link_, Deadline::after(Millis(5000))));
  const auto message = link_->receive(Deadline::after(Millis(5000)));
  ASSERT_TRUE(message && *message);
  EXPECT_THAT((*message)->text, HasSubstr("new"));
}

TEST_F(LetGoOn, FailsWhenTheAgentSaysNo) {
  agent_says(wire::make_refusal(1, {.origin = "kernel", .errnum = 1, .what = "RNDADDENTROPY: EPERM"}));
  const auto gone_on = let_go_on(*link_, Deadline::after(Millis(5000)));
  ASSERT_FALSE(gone_on);
  EXPECT_EQ(gone_on.error().type(), "lab.snapshot");
  EXPECT_THAT(gone_on.error().what, HasSubstr("RNDADDENTROPY"));
}

TEST_F(LetGoOn, FailsWhenNothingIsSaid) {
  EXPECT_EQ(let_go_on(*link_, Deadline::after(Millis(50))).error().type(), "lab.timeout");
}

}  // namespace
}  // namespace holdfast::lab
