// Does a nightly plan run by itself, night after night, and is a regression told with its case, fingerprint and range?
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "fixtures/fake_mail_server.h"
#include "harness/base/text.h"
#include "harness/e2e/eventually.h"
#include "harness/e2e/kernel_history.h"
#include "harness/e2e/program.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kCase = "Preserve.DeviceKeepsItsAddress/e1000e";

class Nights : public testing::Test {
 protected:
  /// What the nights of this test have put into the cache.
  void TearDown() override {
    for (const char* kernel : {"main", "deb"}) forget_kernel(program_, night_, kernel);
  }

  fs::path image_of(const std::string& kernel) const {
    const Output listed = program_.run({"kernel", "list", "--json"});
    const size_t named = listed.out.find("\"" + kernel + "\"");
    const std::string key = "\"path\": \"";
    const size_t at = listed.out.find(key, named) + key.size();
    return listed.out.substr(at, listed.out.find('"', at) - at);
  }

  /// A package as Debian's kernels come in one.
  void package() const {
    const fs::path root = dir_.path() / "root";
    fs::create_directories(root / "boot");
    fs::create_directories(root / "DEBIAN");
    fs::copy_file(image_of("reference"), root / "boot/vmlinuz-7.3.4");
    EXPECT_TRUE(write_file(root / "DEBIAN/control",
                           "Package: linux-image-small\nVersion: 1\nArchitecture: amd64\nMaintainer: t <t@t>\n"
                           "Description: a kernel\n"));
    const auto built =
        holdfast::run({.argv = {"dpkg-deb", "-Znone", "--build", root, dir_.path() / "linux-image-small_1_amd64.deb"}},
                      Deadline::after(Millis(60'000)));
    EXPECT_TRUE(built && built->status.success()) << (built ? built->err : "");
  }

  /// lab/nightly/nightly.toml in small: the built-in machine, two quick cases, one kernel.
  fs::path plan(const std::string& more = "") const {
    const std::string text = fmt::format(R"([night]
name = "{}"
budget = "10m"

[[kernel]]
name = "main"
type = "branch"
tree = "linux"
branch = "main"

[[kernel]]
name = "deb"
type = "package"
package = "./linux-image-small_1_amd64.deb"

[[entry]]
name = "packed"
kernels = ["deb"]
hosts = ["qemu"]
cases = "LiveUpdate.MemfdKeepsItsBytes"

[[entry]]
name = "soak"
kernels = ["main"]
hosts = ["qemu"]
cases = "Soak.*"
soak = 2

[[entry]]
name = "smoke"
kernels = ["main"]
hosts = ["qemu"]
devices = ["e1000e"]
cases = "Preserve.DeviceKeepsItsAddress:LiveUpdate.MemfdKeepsItsBytes"
append = "liveupdate_fault=oops-preserve"
next_append = "liveupdate_fault=oops-preserve"
budget = "5m"

[[entry]]
name = "too-much"
kernels = ["main"]
hosts = ["qemu"]
cases = "Addresses.PlainKexecMovesNothing"
budget = "1s"

[keep]
nights = 2

[report]
mail = ["kernel@lab.example"]
from = "holdfast@lab.example"
sendmail = ["{}"]
site = "site"

[[report.command]]
argv = ["sh", "-c", "cat > $0/told; echo $HOLDFAST_EXIT_CODE > $0/code", "{}"]
{})",
                                         night_, join(server_.sendmail(), "\", \""), dir_.path().string(), more);
    EXPECT_TRUE(write_file(dir_.path() / "nightly.toml", text));
    return dir_.path() / "nightly.toml";
  }

  Output night(const fs::path& file) const { return program_.run({"run", "--plan", file.string()}); }

  TempDir dir_ = *TempDir::create("holdfast-nights");
  /// What it puts into the cache has names made of the plan's: those of tests that run side by side must differ.
  const std::string night_ = fmt::format("small-{}", ::getpid());
  Program program_;
  StandInTree tree_{dir_.path() / "linux"};
  fake::MailServer server_;
};

TEST_F(Nights, ARegressionInTheSecondIsMailedWithItsCaseFingerprintAndRange) {
  const std::string good = tree_.commit("reference");
  package();
  const fs::path file = plan();
  const Output first = night(file);
  ASSERT_EQ(first.status.code, 0) << first.out << first.err;
  EXPECT_THAT(server_.mail(), AllOf(HasSubstr("RCPT TO:<kernel@lab.example>"),
                                    HasSubstr("Subject: [holdfast] " + night_ + ": all well"),
                                    HasSubstr("Live updates in a row"), HasSubstr("2 live updates"),
                                    HasSubstr("out of time: the budget of 1 s of entry too-much is used up")));
  const auto reports = read_junit(program_.junit());
  EXPECT_EQ(reports.at("Preserve.e1000e.DeviceKeepsItsAddress").verdict, "passed");
  EXPECT_EQ(reports.at("Addresses.PlainKexecMovesNothing").verdict, "skipped");
  // Each is one case, and this computer has a core for both: the second does not wait for the first.
  if (std::thread::hardware_concurrency() > 1) {
    EXPECT_LT(first.out.find("soak main..main on qemu"), first.out.find("packed deb..deb: 1 passed")) << first.out;
  }
  server_.forget();

  tree_.commit("reference");
  const std::string bad = tree_.commit("faults");
  const Output second = night(file);
  EXPECT_EQ(second.status.code, 1) << second.out << second.err;
  const std::string told = server_.mail();
  EXPECT_THAT(told, AllOf(HasSubstr("Subject: [holdfast] " + night_ + ": 1 new failure;"),
                          HasSubstr("New failures: 1 case in 1 group"), HasSubstr("kernel.oops "),
                          HasSubstr(std::string(kCase) + "  on qemu/main..main smoke"),
                          HasSubstr(good.substr(0, 12) + ".." + bad.substr(0, 12))));
  const std::string command = "holdfast bisect --tree " + tree_.dir().string() + " --good " + good + " --bad " + bad +
                              " --filter " + kCase + " --target=qemu --append=liveupdate_fault=oops-preserve";
  EXPECT_THAT(told, HasSubstr(command));
  EXPECT_THAT(*read_file(dir_.path() / "told"), HasSubstr(command)) << "the plan's own command hears the same";
  EXPECT_EQ(*read_file(dir_.path() / "code"), "1\n");
  // The fingerprint is the one that the console shows.
  const auto failed = read_junit(program_.junit()).at("Preserve.e1000e.DeviceKeepsItsAddress");
  const size_t mark = told.find("\nkernel.oops ") + 13;
  const std::string fingerprint = told.substr(mark, told.find('\n', mark) - mark);
  EXPECT_EQ(failed.type, "kernel.oops");
  EXPECT_THAT(failed.text, HasSubstr("fingerprint: " + fingerprint));
  EXPECT_THAT(*read_file(dir_.path() / "site/index.html"), AllOf(HasSubstr("2 runs"), HasSubstr(kCase)));
}

TEST_F(Nights, AnInterruptEndsAllRunsAndTellsWhatTheyWere) {
  ASSERT_TRUE(write_file(dir_.path() / "two.toml",
                         "[[entry]]\nname = \"b\"\ncases = \"Soak.*\"\nsoak = 500\n"
                         "[[entry]]\nname = \"a\"\ncases = \"Soak.*\"\nsoak = 500\n"));
  Process night = program_.start({"run", "--plan", dir_.path() / "two.toml"});
  const size_t runs = std::thread::hardware_concurrency() > 1 ? 2 : 1;
  const auto machines = [&] {
    return std::ranges::count_if(descendants_of(night.pid()), [](pid_t pid) {
      const auto name = read_file(fmt::format("/proc/{}/comm", pid));
      return name && name->starts_with("qemu-system");
    });
  };
  ASSERT_TRUE(eventually([&] { return static_cast<size_t>(machines()) == runs || night.poll(); }))
      << *read_file(program_.output_file());
  ASSERT_FALSE(night.poll()) << *read_file(program_.output_file());
  const auto started = descendants_of(night.pid());
  night.signal_group(SIGINT);
  const auto ended = night.wait(Deadline::after(Millis(120'000)));
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->code, 130) << *read_file(program_.output_file());
  EXPECT_TRUE(all_gone(started));
  for (const auto& [name, report] : read_junit(program_.junit())) {
    EXPECT_EQ(report.verdict, "skipped") << name;
    EXPECT_THAT(report.message, HasSubstr("the night was interrupted")) << name;
  }
  const std::string junit = *read_file(program_.junit());
  EXPECT_LT(junit.find("usual..usual a"), junit.find("usual..usual b")) << "whichever ended first";
  EXPECT_NE(junit.find("usual..usual b"), junit.npos);
}

TEST_F(Nights, AMistakeTouchesNothing) {
  tree_.commit("reference");
  package();
  const Output wrong = night(plan("\n[[quarantine]]\ncase = \"x\"\n"));
  EXPECT_EQ(wrong.status.code, 2);
  EXPECT_THAT(wrong.err, AllOf(HasSubstr("nightly.toml:"), HasSubstr("unknown key 'case'; did you mean 'cases'?")));
  EXPECT_FALSE(fs::exists(program_.latest()));
  const Output shown = program_.run({"run", "--plan", plan(), "--dry-run"});
  EXPECT_EQ(shown.status.code, 0) << shown.err;
  EXPECT_THAT(shown.out, AllOf(HasSubstr("smoke main..main"), HasSubstr(kCase), HasSubstr("kernel main: main of")));
  EXPECT_FALSE(fs::exists(program_.latest()));
  EXPECT_EQ(server_.mail(), "");
}

}  // namespace
}  // namespace holdfast::e2e
