// Can a case go to the kernel that it names, and if not, is the reason one that helps?
#include "harness/other_kernel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/checkup.h"
#include "harness/plan.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

KernelImage image(const std::string& origin, std::initializer_list<const char*> symbols) {
  KernelImage image;
  image.release = "7.3.0";
  image.origin = origin;
  image.config = KernelConfig{{"CONFIG_KEXEC_FILE", "y"}, {"CONFIG_KEXEC_HANDOVER", "y"},   {"CONFIG_LIVEUPDATE", "y"},
                              {"CONFIG_IOMMUFD", "y"},    {"CONFIG_VFIO_DEVICE_CDEV", "y"}, {"CONFIG_VFIO_PCI", "y"}};
  for (const char* symbol : symbols) (*image.config)[symbol] = "y";
  return image;
}

constexpr const char* kHandler = "CONFIG_VFIO_PCI_LIVEUPDATE";

TEST(OtherKernel, IsBuiltByACommandThatTheReasonNames) {
  EXPECT_THAT(*missing_for(stock_kernel(), {}, image("debian", {})),
              HasSubstr("holdfast kernel build --series none --name stock"));
}

TEST(OtherKernel, MustBeAsItsNameSays) {
  EXPECT_EQ(missing_for(stock_kernel(), {{"stock", image("any", {})}}, image("other", {kHandler})), std::nullopt);
  EXPECT_THAT(*missing_for(stock_kernel(), {{"stock", image("any", {kHandler})}}, image("other", {})),
              HasSubstr("CONFIG_VFIO_PCI_LIVEUPDATE"));
}

TEST(OtherKernel, MustOfferItsLevel) {
  EXPECT_THAT(*missing_for(renamed_kernel(), {{"renamed", image("same", {})}}, image("same", {kHandler})),
              HasSubstr("CONFIG_VFIO_PCI_LIVEUPDATE"));
}

TEST(OtherKernel, TakesOverOnlyFromKernelsOfItsOwnOrigin) {
  const OtherKernels there{{"renamed", image("reference", {kHandler})}};
  EXPECT_EQ(missing_for(renamed_kernel(), there, image("reference", {kHandler})), std::nullopt);
  EXPECT_THAT(*missing_for(renamed_kernel(), there, image("mine", {kHandler})), HasSubstr("reference and mine"));
  EXPECT_THAT(*missing_for(renamed_kernel(), there, image("", {kHandler})), HasSubstr("unknown"));
}

TEST(OtherKernel, MissingSkipsTheCasesThatWantIt) {
  const std::vector<CaseInfo> cases{
      {.suite = "Pairs", .name = "Stock", .promise = "p", .needs = {.other_kernel = stock_kernel()}},
      {.suite = "Pairs", .name = "None", .promise = "p", .needs = {}}};
  const KernelImage a = image("reference", {kHandler});
  const auto plan = make_plan(cases, {{.name = "vm", .devices = {}, .traits = {}}}, {}, {a, a, {}});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->to_run(), 1);
  EXPECT_THAT(plan->cases.front().skip_reason, HasSubstr("--name stock"));
  const auto findings = check_other_kernels(cases, {}, a);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings.front().state, Finding::State::kLimits);
  EXPECT_TRUE(ready(findings));
}

TEST(Plan, SkipsACaseWhoseSymbolsKernelALacks) {
  const std::vector<CaseInfo> cases{{.suite = "Next",
                                     .name = "Crash",
                                     .promise = "p",
                                     .needs = {.symbols = {{"CRASH_DUMP", "a kernel for the crash"}}}}};
  const TargetProfile target{.name = "vm", .devices = {}, .traits = {}};
  const auto without = make_plan(cases, {target}, {}, {image("", {}), image("", {})});
  ASSERT_TRUE(without);
  EXPECT_THAT(without->cases.front().skip_reason, HasSubstr("CONFIG_CRASH_DUMP (a kernel for the crash)"));
  const auto with = make_plan(cases, {target}, {}, {image("", {"CONFIG_CRASH_DUMP"}), image("", {})});
  ASSERT_TRUE(with);
  EXPECT_EQ(with->to_run(), 1);
}

}  // namespace
}  // namespace holdfast
