// Does the plan get to know of a lab's targets what it needs, and is a host that cannot be used as declared noticed?
#include "lab/profiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "harness/base/file.h"
#include "harness/kernel/fake_surroundings.h"
#include "lab/inventory/sample_host_test.h"

namespace holdfast::lab {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const char* const kDevices =
    "[[host.device]]\nrole = \"nic\"\nbdf = \"03:00.0\"\ntraits = [\"msix\"]\n"
    "[[host.device]]\nrole = \"disk\"\nid = \"144d:a808\"\ntraits = [\"msix\", \"reset\"]\n";

Inventory small_lab() {
  return parsed(sample_host("tags = [\"x86\"]\n", kDevices) + "[[vm]]\nname = \"quick\"\ntags = [\"x86\"]\n");
}

std::vector<CaseInfo> cases() {
  return {{.suite = "S", .name = "Plain", .promise = "p", .needs = {}},
          {.suite = "S", .name = "Emulated", .promise = "p", .needs = {.target_traits = {"emulated"}}},
          {.suite = "S", .name = "Moves", .promise = "p", .needs = {.target_traits = {"bus-numbers-can-move"}}},
          {.suite = "S", .name = "Each", .promise = "p", .needs = {.devices = every_device({"msix"})}}};
}

TEST(Profiles, SayOfAHostThatItIsMetalAndOfAVirtualMachineThatItIsEmulated) {
  const auto all = profiles(small_lab());
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].name, "alpha");
  EXPECT_THAT(all[0].traits, ElementsAre("metal", "x86"));
  EXPECT_EQ(all[0].slots, 1);
  ASSERT_THAT(all[0].devices, SizeIs(2));
  EXPECT_EQ(all[0].devices[0].bdf, "0000:03:00.0");
  EXPECT_EQ(all[0].devices[1].bdf, "");
  EXPECT_EQ(all[1].name, "quick");
  EXPECT_THAT(all[1].traits, ElementsAre("emulated", "bus-numbers-can-move", "hot-plug", "x86"));
  EXPECT_GE(all[1].slots, 1);
  EXPECT_THAT(all[1].devices, Not(IsEmpty()));
}

TEST(Profiles, OfAVirtualMachineBeginWithItsDevicesOfThisMachine) {
  const std::string device = "[[vm.device]]\npassthrough = \"8086:10d3\"\nrole = \"nic\"\ntraits = [\"msix\"]\n";
  const auto all = profiles(parsed("[[vm]]\nname = \"both\"\n" + device +
                                   "[[vm]]\nname = \"bare\"\ntags = [\"t\"]\nemulated = false\n" + device));
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].devices.at(0).role, "nic");
  EXPECT_EQ(all[0].devices.at(0).bdf, "");
  EXPECT_TRUE(all[0].devices.at(0).has("msix"));
  EXPECT_EQ(all[0].devices.at(1).role, "e1000e");
  EXPECT_THAT(all[0].traits, Contains("emulated"));
  EXPECT_EQ(all[0].slots, 1);
  EXPECT_THAT(all[1].devices, SizeIs(1));
  EXPECT_THAT(all[1].traits, ElementsAre("t"));
}

TEST(Profiles, ArePlannedWithDevicesWhoseAddressIsNotKnownYet) {
  const auto plan = make_plan(cases(), {profiles(small_lab()).front()}, {}, {});
  ASSERT_TRUE(plan) << plan.error().what;
  std::vector<std::string> runs;
  for (const PlannedCase& planned : plan->cases) {
    runs.push_back(planned.id.key() + (planned.skip_reason.empty() ? "" : ": " + planned.skip_reason));
  }
  EXPECT_THAT(runs, ElementsAre("S.Plain", "S.Emulated: target alpha is not emulated",
                                "S.Moves: target alpha is not bus-numbers-can-move", "S.Each/nic", "S.Each/disk"));
}

TEST(Profiles, LetATagSayThatBusNumbersCanMove) {
  const auto lab = parsed(sample_host("tags = [\"bus-numbers-can-move\"]\n"));
  const auto plan = make_plan(cases(), profiles(lab), {.filter = "S.Moves"}, {});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->to_run(), 1);
}

TEST(Profiles, FindTargetsByName) {
  const Inventory lab = small_lab();
  EXPECT_EQ(find_host(lab, "alpha"), &lab.hosts[0]);
  EXPECT_EQ(find_host(lab, "quick"), nullptr);
  EXPECT_EQ(find_vm(lab, "quick"), &lab.vms[0]);
  EXPECT_EQ(find_vm(lab, "alpha"), nullptr);
}

/// What is not good: "about: what".
std::vector<std::string> complaints(const Inventory& lab) {
  std::vector<std::string> found;
  for (const Finding& finding : check_declaration(lab.hosts.at(0), cases())) {
    if (finding.state != Finding::State::kGood) found.push_back(finding.about + ": " + finding.what);
  }
  return found;
}

class Declaration : public testing::Test {
 protected:
  Declaration() {
    for (const char* name : {"ssh", "ipmitool", "fence_x"}) {
      fake::write(dir_.path() / name, "#!/bin/sh\n");
      std::filesystem::permissions(dir_.path() / name, std::filesystem::perms::owner_all);
    }
    ::unsetenv("HOLDFAST_TEST_SECRET");
  }
  TempDir dir_ = *TempDir::create("holdfast-declaration");
  const fake::ScopedEnv path_{"PATH", dir_.path().string()};
};

const char* const kReachable =
    "[[host.power]]\ntype = \"ipmi\"\naddress = \"b\"\nuser = \"u\"\npassword = { env = \"HOLDFAST_TEST_SECRET\" }\n"
    "[[host.power]]\ntype = \"fence\"\nagent = \"fence_x\"\n[host.console]\ntype = \"sol\"\n";

TEST_F(Declaration, ThatIsCompleteIsGood) {
  const fake::ScopedEnv secret("HOLDFAST_TEST_SECRET", "sesame");
  EXPECT_THAT(complaints(parsed(sample_host("", kReachable))), IsEmpty());
}

TEST_F(Declaration, OfASecretThatIsNotThereIsNoticed) {
  EXPECT_THAT(
      complaints(parsed(sample_host("", kReachable))),
      ElementsAre("HOLDFAST_TEST_SECRET: /lab/lab.toml:10:1: secret in variable HOLDFAST_TEST_SECRET: it is not "
                  "set"));
}

TEST_F(Declaration, OfAProgramThatIsNotThereIsNoticed) {
  const fake::ScopedEnv secret("HOLDFAST_TEST_SECRET", "sesame");
  std::filesystem::remove(dir_.path() / "ipmitool");
  std::filesystem::remove(dir_.path() / "fence_x");
  EXPECT_THAT(complaints(parsed(sample_host("", kReachable))),
              ElementsAre(HasSubstr("ipmitool: not in PATH"), HasSubstr("fence_x: not in PATH")));
}

TEST_F(Declaration, OfFilesThatAreNotThereIsNoticed) {
  EXPECT_THAT(complaints(parsed(sample_host("modules = \"/nonexistent/m\"\n",
                                            "key = \"/nonexistent/k\"\n[host.console]\ntype = \"serial\"\n"
                                            "device = \"/nonexistent/tty\"\n"))),
              ElementsAre("ssh key: /nonexistent/k is not there", "modules: /nonexistent/m is not there",
                          "console: /nonexistent/tty is not there", HasSubstr("power: there is no")));
}

TEST_F(Declaration, WithATraitThatNoCaseKnowsIsNoticed) {
  EXPECT_THAT(complaints(parsed(sample_host("",
                                            "[[host.device]]\nrole = \"n\"\nbdf = \"03:00.0\"\n"
                                            "traits = [\"mxi\", \"msix\"]\n"))),
              Contains("device n: no case asks for the trait 'mxi'; did you mean 'msi'?"));
}

}  // namespace
}  // namespace holdfast::lab
