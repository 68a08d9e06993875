// On what do the tests of the steps stand? A scenario on a machine that plays kernels from a script. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "fixtures/fake_target.h"
#include "harness/base/file.h"
#include "harness/scenario.h"

namespace holdfast {

class Silence : public EventSink {
 public:
  void on(const Event& event) override {
    if (const auto* phase = std::get_if<PhaseEnded>(&event)) phases.push_back(phase->phase);
    if (const auto* finding = std::get_if<FindingAllowed>(&event)) allowed.push_back(*finding);
  }
  std::vector<std::string> phases;
  std::vector<FindingAllowed> allowed;
};

/// One endpoint behind nothing: an Intel card with its command register and nothing else.
inline wire::PciListReply one_device(const std::string& bdf = "0000:01:00.0", uint8_t command = 0) {
  wire::PciListReply reply;
  wire::PciFunction function;
  function.bdf = bdf;
  function.path = bdf;
  function.vendor = 0x8086;
  function.device = 0x10d3;
  function.class_code = 0x020000;
  function.config_size = 64;
  reply.functions.push_back(function);
  reply.blob.resize(64);
  const std::array<uint8_t, 12> header{0x86, 0x80, 0xd3, 0x10, command, 0, 0, 0, 0, 0, 0, 2};
  for (size_t i = 0; i < header.size(); ++i) reply.blob[i] = static_cast<std::byte>(header[i]);
  return reply;
}

inline FakeKernel kernel(const std::string& boot_id, const std::string& build_id) {
  FakeKernel fake;
  fake.hello.boot_id = boot_id;
  fake.hello.build_id = build_id;
  fake.hello.release = "7.3.0";
  fake.devices = one_device();
  return fake;
}

class Steps : public testing::Test {
 protected:
  Steps() {
    a_.build_id = "aaaa";
    b_.build_id = "bbbb";
    other_.build_id = "cccc";
    for (KernelImage* image : {&a_, &b_, &other_}) {
      image->path = dir_.path() / "bzImage";
      image->release = "7.3.0";
    }
    EXPECT_TRUE(write_file(dir_.path() / "bzImage", "kernel"));
  }

  /// Plays kernel A, then `next`.
  void script(FakeKernel next) { script(kernel("one", "aaaa"), std::move(next)); }
  void script(FakeKernel first, FakeKernel next) { play({std::move(first), std::move(next)}); }
  void play(std::deque<FakeKernel> kernels) {
    target_ = std::make_unique<FakeTarget>(std::move(kernels));
    ScenarioSetup setup{.target = *target_,
                        .events = events_,
                        .where = where_,
                        .dir = dir_.path(),
                        .kernel = a_,
                        .next_kernel = b_,
                        .modules = {},
                        .append = {},
                        .next_append = {},
                        .devices = {},
                        .allowances = allowances_,
                        .timeout_scale = timeout_scale_};
    setup.other_kernels.emplace("other", other_);
    scenario_ = std::make_unique<Scenario>(std::move(setup));
  }

  Result<Running> boot_and_kexec() {
    Running first = TRY(scenario_->boot());
    return scenario_->kexec(std::move(first));
  }

  /// What closing the case has to say after a kexec.
  Error closed_after_kexec() {
    {
      EXPECT_TRUE(boot_and_kexec());
    }
    const auto closed = scenario_->close();
    return closed ? Error{} : closed.error();
  }

  TempDir dir_ = *TempDir::create();
  std::vector<Allowance> allowances_;
  Silence events_;
  Where where_;
  KernelImage a_;
  KernelImage b_;
  KernelImage other_;
  double timeout_scale_ = 1.0;
  std::unique_ptr<FakeTarget> target_;
  std::unique_ptr<Scenario> scenario_;
};

}  // namespace holdfast
