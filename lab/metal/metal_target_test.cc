// Does a host get from its own system into kernels under test, between them, and back? And who is to blame when it does
// not leave at all: told on an sshd of this computer, which never does. The rest on a virtual metal host:
//
//   VIRTUAL_METAL_TOOL=tools/virtual-metal KERNEL=<bzImage> tools/virtual-metal run --
//     build/dev/tools/ctest/holdfast_unit --gtest_filter='MetalTargetOnHost.*'
#include "lab/metal/metal_target.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <optional>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "lab/metal/real_sshd.h"
#include "tools/ctest/places.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

/// An emulated host on a busy machine takes minutes.
Deadline patience() { return Deadline::after(Millis(600'000)); }

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string line_of(const fs::path& file) {
  const auto text = read_file(file);
  return text ? std::string(trim(*text)) : std::string();
}

/// What somebody does at the host's power button.
class Button : public Power {
 public:
  Result<void> on(const Deadline& deadline) override { return press("on", deadline); }
  Result<void> off(const Deadline& deadline) override { return press("off", deadline); }
  Result<State> state(const Deadline&) override { return State::kOn; }

 private:
  static Result<void> press(const char* what, const Deadline& deadline) {
    const auto done = TRY(
        run({.argv = {variable("VIRTUAL_METAL_TOOL"), "ctl", variable("VIRTUAL_METAL_DIR"), "metal-1", "power", what}},
            deadline));
    if (!done.status.success()) return lab_error("test", done.err);
    return {};
  }
};

class MetalTargetOnHost : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = variable("VIRTUAL_METAL_DIR");
    kernel_ = variable("KERNEL");
    if (dir_.empty() || kernel_.empty()) GTEST_SKIP() << "needs a host: VIRTUAL_METAL_DIR and KERNEL";
    auto folder = TempDir::create("mt");
    ASSERT_TRUE(folder);
    folder_.emplace(*std::move(folder));
    for (const char* name : {"r", "cache"}) ASSERT_TRUE(make_dirs(folder_->path() / name));
    const fs::path socket = folder_->path() / "console";
    auto recorder =
        Process::start({.argv = {"socat", fmt::format("UNIX-LISTEN:{}", socket.string()),
                                 fmt::format("SYSTEM:tail -c 0 -F {}/metal-1/console.log", dir_.string())}});
    ASSERT_TRUE(recorder);
    recorder_.emplace(*std::move(recorder));
    while (!fs::exists(socket)) wait_until(Deadline::after(Millis(10)));

    MetalConfig config;
    config.host.name = "metal-1";
    config.host.ssh.host = {.address = "127.0.0.1",
                            .port = static_cast<uint16_t>(*parse_u64(line_of(dir_ / "metal-1/ssh_port"))),
                            .user = "root",
                            .key = dir_ / "id_ed25519",
                            .host_key = line_of(dir_ / "metal-1/host_key.pub")};
    config.host.append = "console=ttyS0,115200 no_timer_check intel_iommu=on";
    config.agent = agent_program();
    config.console_log = folder_->path() / "console.log";
    config.console_socket = socket;
    config.runtime_dir = folder_->path() / "r";
    config.cache_dir = folder_->path() / "cache";
    config.power = std::make_unique<Button>();
    auto target = make_metal_target(std::move(config));
    ASSERT_TRUE(target) << target.error().what;
    target_ = *std::move(target);
  }
  void TearDown() override {
    if (target_ == nullptr) return;
    std::cerr << last_lines(printable(target_->console().slice(0)), HasFailure() ? 60 : 5) << "\n";
    static_cast<void>(target_->power().off(patience()));
    static_cast<void>(target_->power().on(patience()));
  }

  std::unique_ptr<Agent> connect(std::string_view which) {
    const auto began = Deadline::Clock::now();
    auto agent = target_->connect(patience());
    const auto took = std::chrono::duration_cast<Millis>(Deadline::Clock::now() - began);
    if (!agent) {
      std::cerr << which << ": " << agent.error().type() << ": " << agent.error().what << "\n";
      for (const Evidence& piece : agent.error().evidence) std::cerr << piece.name << ": " << piece.text << "\n";
      return nullptr;
    }
    std::cerr << which << " answers after " << took.count() << " ms, boot_id " << (*agent)->boot_id() << ", cmdline "
              << (*agent)->hello().cmdline << "\n";
    for (const std::string& warning : (*agent)->hello().warnings) std::cerr << "  warning: " << warning << "\n";
    return *std::move(agent);
  }
  std::unique_ptr<Agent> boot() {
    const auto began = Deadline::Clock::now();
    const auto booted =
        target_->boot({.kernel = kernel_, .next_kernel = kernel_, .modules = {}, .append = {}}, patience());
    const auto took = std::chrono::duration_cast<Millis>(Deadline::Clock::now() - began);
    if (!booted) {
      std::cerr << booted.error().type() << ": " << booted.error().what << "\n";
      for (const Evidence& piece : booted.error().evidence) std::cerr << piece.name << ": " << piece.text << "\n";
      return nullptr;
    }
    std::cerr << "left the own system after " << took.count() << " ms\n";
    return connect("kernel A");
  }
  Result<void> leave(Agent& agent, const std::string& words) {
    const std::string kernel = TRY(agent.upload(kernel_, patience()));
    TRY(agent.call(wire::KexecLoad{.kernel = kernel,
                                   .initrd = target_->next_initrd(),
                                   .cmdline = join_words({target_->base_cmdline(), words})},
                   patience()));
    return agent.leave(patience());
  }

  fs::path dir_;
  fs::path kernel_;
  std::optional<TempDir> folder_;
  std::optional<Process> recorder_;
  std::unique_ptr<Target> target_;
};

/// A host that said that it leaves for kernel A. All that answers is its own system: this computer.
class MetalTargetThatStays : public ::testing::TestWithParam<Host::Payload> {
 protected:
  void SetUp() override {
    for (const char* name : {"r", "cache"}) ASSERT_TRUE(make_dirs(folder_.path() / name));
    auto sshd = RealSshd::start(folder_.path() / "host");
    ASSERT_TRUE(sshd) << sshd.error().what;
    sshd_.emplace(*std::move(sshd));
    const auto kernels_key = make_test_key(folder_.path() / "kernel");
    ASSERT_TRUE(kernels_key);
    MetalConfig config;
    config.host.name = "alpha";
    config.host.ssh = sshd_->access();
    config.host.payload = GetParam();
    config.host.append = "console=ttyS0,115200";
    config.agent = "/proc/self/cmdline";  // nobody runs it
    config.console_log = folder_.path() / "console.log";
    config.runtime_dir = folder_.path() / "r";
    config.cache_dir = folder_.path() / "cache";
    config.console_socket = folder_.path() / "console";
    // What is in this file at the beginning, or comes later, is said on the console.
    ASSERT_TRUE(write_file(folder_.path() / "said", ""));
    auto recorder =
        Process::start({.argv = {"socat", fmt::format("UNIX-LISTEN:{}", config.console_socket.string()),
                                 fmt::format("SYSTEM:tail -c +1 -F {}", (folder_.path() / "said").string())}});
    ASSERT_TRUE(recorder);
    recorder_.emplace(*std::move(recorder));
    while (!fs::exists(config.console_socket)) wait_until(Deadline::after(Millis(10)));
    config.launch = [this, key = *kernels_key](SystemConnection& own, const LaunchSpec& spec, const Deadline&) {
      Launch launch;
      launch.word = "holdfast.boot=1";
      launch.access = spec.host.ssh;
      launch.left = own.system;
      if (GetParam() == Host::Payload::kInitramfs) launch.access.host.host_key = key;
      if (!boot_it_left_.empty()) launch.left.boot_id = boot_it_left_;
      return Result<Launch>(std::move(launch));
    };
    auto target = make_metal_target(std::move(config));
    ASSERT_TRUE(target) << target.error().what;
    target_ = *std::move(target);
  }
  Result<void> boot() {
    return target_->boot({.kernel = {}, .next_kernel = {}, .modules = {}, .append = {}}, patience());
  }

  const TempDir folder_ = *TempDir::create("mt");
  std::optional<RealSshd> sshd_;
  std::optional<Process> recorder_;
  std::string boot_it_left_;  ///< empty: the one that answers
  std::unique_ptr<Target> target_;
};

TEST_P(MetalTargetThatStays, IsTheLabs) {
  ASSERT_TRUE(boot());
  EXPECT_EQ(target_->connect(Deadline::after(Millis(2000))).error().type(), "lab.timeout");
  const auto alive = target_->alive(patience());
  ASSERT_FALSE(alive);
  EXPECT_EQ(alive.error().type(), "lab.boot");
  EXPECT_THAT(alive.error().what, HasSubstr("alpha does not leave its own system"));
}

TEST_P(MetalTargetThatStays, OrCameBackInAnotherBootByTheKernelsDoing) {
  boot_it_left_ = "00000000-0000-0000-0000-000000000000";
  ASSERT_TRUE(boot());
  EXPECT_EQ(target_->connect(patience()).error().type(), "kernel.reset");
  EXPECT_EQ(target_->alive(patience()).error().type(), "kernel.reset");
}

TEST_P(MetalTargetThatStays, OrIsGoneAndItsKernelWasHeard) {
  ASSERT_TRUE(boot());
  sshd_->kill_all();
  const std::string_view banner = "[    0.000000] Linux version 7.3.0\n";
  ASSERT_TRUE(write_file(folder_.path() / "said", banner));
  ASSERT_TRUE(target_->console().expect(banner.substr(0, banner.size() - 1), 0, patience()));
  EXPECT_EQ(target_->connect(Deadline::after(Millis(2000))).error().type(), "lab.timeout");
  EXPECT_TRUE(target_->alive(patience())) << "a kernel that was heard and is silent is the diagnosis' business";
}

TEST_P(MetalTargetThatStays, OrIsGoneAndNobodyKnowsWhichKernelHangs) {
  ASSERT_TRUE(boot());
  sshd_->kill_all();
  const std::string_view words = "[   97.744932] I/O error, dev vda, sector 33928\n";
  ASSERT_TRUE(write_file(folder_.path() / "said", words));
  ASSERT_TRUE(target_->console().expect("33928", 0, patience()));
  EXPECT_EQ(target_->connect(Deadline::after(Millis(2000))).error().type(), "lab.timeout");
  const auto alive = target_->alive(patience());
  ASSERT_FALSE(alive);
  EXPECT_EQ(alive.error().type(), "lab.boot");
  EXPECT_THAT(alive.error().what, HasSubstr("did not say a word"));
}
INSTANTIATE_TEST_SUITE_P(With, MetalTargetThatStays,
                         ::testing::Values(Host::Payload::kInitramfs, Host::Payload::kRootfs), [](const auto& tested) {
                           return tested.param == Host::Payload::kInitramfs ? "Initramfs" : "Rootfs";
                         });

TEST_F(MetalTargetOnHost, GoesFromItsOwnSystemToKernelAToKernelB) {
  const auto a = boot();
  ASSERT_NE(a, nullptr);
  for (const auto& [key, value] : target_->facts()) std::cerr << key << " = " << value << "\n";
  ASSERT_TRUE(target_->alive(patience()));
  const auto left = leave(*a, "holdfast.nonce=1");
  ASSERT_TRUE(left) << left.error().what;
  const auto b = connect("kernel B");
  ASSERT_NE(b, nullptr);
  EXPECT_NE(a->boot_id(), b->boot_id());
  EXPECT_THAT(b->hello().cmdline, HasSubstr("holdfast.nonce=1"));
  ASSERT_TRUE(target_->alive(patience()));

  // A kernel that dies on its way ends the wait long before the deadline, and the host comes back to its own system.
  const auto dies = leave(*b, "rdinit=/nothing init=/nothing");
  ASSERT_TRUE(dies) << dies.error().what;
  const auto began = Deadline::Clock::now();
  const auto none = target_->connect(patience());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().type(), "kernel.reset");
  std::cerr << "told after " << std::chrono::duration_cast<Millis>(Deadline::Clock::now() - began).count()
            << " ms: " << none.error().what << "\n";
  EXPECT_EQ(target_->alive(patience()).error().type(), "kernel.reset");

  // The next boot goes by way of the power switch.
  EXPECT_NE(boot(), nullptr);
}

TEST_F(MetalTargetOnHost, NoticesThatFirmwareCameBy) {
  const auto a = boot();
  ASSERT_NE(a, nullptr);
  ASSERT_TRUE(
      run({.argv = {variable("VIRTUAL_METAL_TOOL"), "ctl", dir_.string(), "metal-1", "power", "reset"}}, patience()));
  const auto none = target_->connect(patience());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().type(), "kernel.reset");
  std::cerr << none.error().what << "\n";
}

}  // namespace
}  // namespace holdfast::lab
