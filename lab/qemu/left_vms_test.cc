// Is a virtual machine told that outlived its starter, and no other?
#include "lab/qemu/left_vms.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/file.h"
#include "harness/base/process.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::SizeIs;

class LeftVms : public testing::Test {
 protected:
  /// A shell that bears QEMU's name and waits.
  Process start(const std::map<std::string, std::string>& env, const std::string& machine = "holdfast-qemu",
                const std::string& program = "qemu-system-test") const {
    std::error_code there;
    fs::create_symlink("/bin/sh", dir_.path() / program, there);
    Process process = *Process::start(
        {.argv = {(dir_.path() / program).string(), "-c", "while :; do sleep 0.2; done", "-name", machine},
         .env = env});
    // A parent goes on while execve() is under way in its child: for a moment that has no words yet.
    const fs::path words = fmt::format("/proc/{}/cmdline", process.pid());
    const Deadline deadline = Deadline::after(Millis(10'000));
    for (auto said = read_file(words); said && said->empty() && !deadline.expired(); said = read_file(words)) {
      wait_until(deadline.at_most(Millis(1)));
    }
    return process;
  }
  /// The mark of a process of this boot that is gone: this one's number, begun at another time.
  std::map<std::string, std::string> mark_of_the_dead() const {
    auto mark = *mark_of_vm();
    std::string& text = mark.begin()->second;
    return text.insert(text.find(' ') + 1, "9"), mark;
  }
  /// Of those among the processes of this test.
  std::vector<Leftover> found(const Process& process) const {
    std::vector<Leftover> ours;
    for (Leftover& one : left_vms(self_)) {
      if (one.what.find(std::to_string(process.pid())) != std::string::npos) ours.push_back(std::move(one));
    }
    return ours;
  }
  TempDir dir_ = *TempDir::create();
  Owner self_ = *Owner::self();
};

TEST_F(LeftVms, OneWhoseStarterIsGoneIsFoundAndEnded) {
  Process vm = start(mark_of_the_dead());
  const auto left = found(vm);
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_THAT(left[0].what, HasSubstr("machine holdfast-qemu"));
  EXPECT_TRUE(left[0].clean(Deadline::after(Millis(5000))).ok());
  const auto status = vm.wait(Deadline::after(Millis(5000)));
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status->signal, SIGKILL);
}

TEST_F(LeftVms, OneOfALivingStarterIsLeftAlone) {
  const Process vm = start(*mark_of_vm());
  EXPECT_THAT(found(vm), SizeIs(0));
}

TEST_F(LeftVms, WhatHoldfastDidNotStartIsLeftAloneWhateverItIsCalled) {
  const Process no_mark = start({});
  const Process other_name = start(mark_of_the_dead(), "virtual-metal");
  const Process no_qemu = start(mark_of_the_dead(), "holdfast-qemu", "something-else");
  EXPECT_THAT(found(no_mark), SizeIs(0));
  EXPECT_THAT(found(other_name), SizeIs(0));
  EXPECT_THAT(found(no_qemu), SizeIs(0));
}

TEST_F(LeftVms, OneOfAnotherBootOrNamespaceIsLeftAlone) {
  const Process vm = start(mark_of_the_dead());
  Owner elsewhere = self_;
  elsewhere.space += "x";
  Owner later = self_;
  later.boot_id += "x";
  for (const Owner& one : {elsewhere, later}) {
    for (const Leftover& left : left_vms(one)) EXPECT_THAT(left.what, Not(HasSubstr(std::to_string(vm.pid()))));
  }
}

TEST_F(LeftVms, IsNotEndedWhenItIsAnotherOneByThen) {
  std::vector<Leftover> left;
  {
    const Process vm = start(mark_of_the_dead());
    left = found(vm);
    ASSERT_THAT(left, SizeIs(1));
  }
  EXPECT_TRUE(left[0].clean(Deadline::after(Millis(1000))).ok()) << "it has ended by itself";
}

}  // namespace
}  // namespace holdfast::lab
