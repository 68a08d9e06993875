// Is a QEMU that does not come up, or that somebody ends, told apart from a guest that failed?
#include "lab/qemu/vm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>

#include "harness/base/file.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;

/// A shell script stands in for QEMU; it has the listening sockets and never takes up a client.
class VmTest : public testing::Test {
 protected:
  QemuSpec qemu(const std::string& script) {
    const fs::path program = dir_.path() / "fake-qemu";
    EXPECT_TRUE(write_file(program, "#!/bin/sh\n" + script + "\n"));
    fs::permissions(program, fs::perms::owner_all);
    return {.binary = program.string(), .kernel = "/k", .initrd = "/i", .cmdline = "x"};
  }
  bool socket_is_left() const {
    for (const auto& entry : fs::directory_iterator(work_)) {
      if (entry.is_socket()) return true;
    }
    return false;
  }

  TempDir dir_ = *TempDir::create("vm");
  fs::path work_ = [this] {
    fs::create_directory(dir_.path() / "work");
    return dir_.path() / "work";
  }();
};

TEST_F(VmTest, NamesThePackageWhenThereIsNoQemu) {
  const auto vm = Vm::start({.binary = "no-such-qemu"}, work_);
  ASSERT_FALSE(vm);
  EXPECT_EQ(vm.error().type(), "lab.missing-program");
  EXPECT_THAT(vm.error().hint, HasSubstr("qemu-system-x86"));
}

TEST_F(VmTest, PassesOnWhatQemuSaidWhenItDidNotStart) {
  auto vm = Vm::start(qemu("echo \"info: QEMU waiting for connection on: x\" >&2\n"
                           "echo \"'edu' is not a valid device model name\" >&2; exit 1"),
                      work_);
  ASSERT_TRUE(vm);
  const auto ready = (*vm)->greet(Deadline::after(std::chrono::seconds(20)));
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().type(), "lab.qemu");
  EXPECT_THAT(ready.error().what, HasSubstr("exit code 1"));
  EXPECT_THAT(ready.error().hint, HasSubstr("qemu-system-x86"));
  EXPECT_THAT(ready.error().evidence,
              Contains(Field(&Evidence::text, "'edu' is not a valid device model name\n")));  // and not that it waits
  EXPECT_THAT(ready.error().evidence, Contains(Field(&Evidence::text, HasSubstr("fake-qemu -name holdfast"))));
}

TEST_F(VmTest, TellsThatSomebodyKilledIt) {
  auto vm = Vm::start(qemu("exec sleep 60"), work_);
  ASSERT_TRUE(vm);
  EXPECT_TRUE((*vm)->running());
  ::kill((*vm)->pid(), SIGKILL);
  EXPECT_EQ((*vm)->greet(Deadline::after(std::chrono::seconds(20))).error().type(), "lab.vm-killed");
  EXPECT_EQ((*vm)->alive(Deadline::after(Millis(0))).error().type(), "lab.vm-killed");
  EXPECT_FALSE((*vm)->running());
}

TEST_F(VmTest, DoesNotTakeACleanExitForAResetOfTheGuest) {
  auto vm = Vm::start(qemu("exit 0"), work_);
  ASSERT_TRUE(vm);
  while ((*vm)->running()) {
  }
  const auto alive = (*vm)->alive(Deadline::after(Millis(0)));
  EXPECT_EQ(alive.error().type(), "lab.vm-killed");
}

TEST_F(VmTest, IsStuckWhenItNeverGetsReady) {
  auto vm = Vm::start(qemu("exec sleep 60"), work_);
  ASSERT_TRUE(vm);
  EXPECT_EQ((*vm)->greet(Deadline::after(Millis(100))).error().blame, Blame::kLab);
  EXPECT_EQ((*vm)->alive(Deadline::after(Millis(0))).error().type(), "lab.vm-stuck");
}

TEST_F(VmTest, LeavesNoProcessAndNoSocket) {
  pid_t pid = 0;
  {
    auto vm = Vm::start(qemu("trap '' TERM; while :; do sleep 1; done"), work_);
    ASSERT_TRUE(vm);
    pid = (*vm)->pid();
    EXPECT_TRUE(socket_is_left());  // so that the look below can find one
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_FALSE(socket_is_left());
  EXPECT_NE(::kill(pid, 0), 0);
}

}  // namespace
}  // namespace holdfast::lab
