// Does a nightly plan run by itself, night after night, and is a regression told with its case, fingerprint and range?
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "fixtures/fake_mail_server.h"
#include "harness/base/digest.h"
#include "harness/base/text.h"
#include "harness/e2e/program.h"
#include "harness/kernel/data_dir.h"
#include "tools/ctest/places.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kCase = "Preserve.DeviceKeepsItsAddress/e1000e";

/// A tree of a kernel that "builds" in no time: its commits carry the image that comes of them.
constexpr const char* kMakefile = R"(VERSION = 7
PATCHLEVEL = 3
SUBLEVEL = 4
EXTRAVERSION =
NAME = Night

allnoconfig:
	mkdir -p $(O)
	cp $(KCONFIG_ALLCONFIG) $(O)/.config
bzImage:
	mkdir -p $(O)/arch/x86/boot
	cp boot.image $(O)/arch/x86/boot/bzImage
modules modules_install mrproper:
	@true
)";

class Nights : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(tree() / "init");
    ASSERT_TRUE(write_file(tree() / "Makefile", kMakefile));
    ASSERT_TRUE(write_file(tree() / "Kconfig", "config PCI\n\tbool \"PCI\"\n"));
    git({"init", "-q", "-b", "main"});
  }

  /// What the nights of this test have put into the cache.
  void TearDown() override {
    const std::string kernel = fmt::format("night-{}-main", sha256(night_ + "\nmain").substr(0, 8));
    for (const std::string& name : {kernel, kernel + "-before"}) program_.run({"kernel", "rm", name});
    const auto packages = *cache_dir() / "packages";
    const std::string package = fmt::format("night-{}-deb", sha256(night_ + "\ndeb").substr(0, 8));
    std::vector<fs::path> gone;
    std::error_code failed;
    for (fs::directory_iterator it(packages, failed), end; !failed && it != end; it.increment(failed)) {
      if (it->path().filename().string().starts_with(package)) gone.push_back(it->path());
    }
    for (const fs::path& one : gone) fs::remove_all(one, failed);
  }

  fs::path tree() const { return dir_.path() / "linux"; }

  std::string git(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"git", "-C", tree(), "-c", "user.name=t", "-c", "user.email=t@t"});
    const auto output = holdfast::run({.argv = arguments}, Deadline::after(Millis(60'000)));
    EXPECT_TRUE(output && output->status.success()) << (output ? output->err : "");
    return output ? std::string(trim(output->out)) : "";
  }

  /// Of the stored kernel of that name.
  fs::path image_of(const std::string& kernel) const {
    const Output listed = program_.run({"kernel", "list", "--json"});
    const size_t named = listed.out.find("\"" + kernel + "\"");
    const std::string key = "\"path\": \"";
    const size_t at = listed.out.find(key, named) + key.size();
    return listed.out.substr(at, listed.out.find('"', at) - at);
  }

  /// A package as Debian's kernels come in one.
  fs::path package() const {
    const fs::path root = dir_.path() / "root";
    fs::create_directories(root / "boot");
    fs::create_directories(root / "DEBIAN");
    fs::copy_file(image_of("reference"), root / "boot/vmlinuz-7.3.4");
    EXPECT_TRUE(write_file(root / "DEBIAN/control",
                           "Package: linux-image-small\nVersion: 1\nArchitecture: amd64\nMaintainer: t <t@t>\n"
                           "Description: a kernel\n"));
    const fs::path file = dir_.path() / "linux-image-small_1_amd64.deb";
    const auto built =
        holdfast::run({.argv = {"dpkg-deb", "-Znone", "--build", root, file}}, Deadline::after(Millis(60'000)));
    EXPECT_TRUE(built && built->status.success()) << (built ? built->err : "");
    return file;
  }

  /// A commit whose kernel is the stored one of that name.
  std::string commit(const std::string& kernel, const std::string& what) const {
    const fs::path image = image_of(kernel);
    std::error_code failed;
    fs::copy_file(image, tree() / "boot.image", fs::copy_options::overwrite_existing, failed);
    EXPECT_FALSE(failed) << kernel << " " << image;
    EXPECT_TRUE(write_file(tree() / "init/main.c", "/* " + what + " */\n"));
    git({"add", "-A"});
    git({"commit", "-qm", what});
    return git({"rev-parse", "HEAD"});
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
name = "smoke"
kernels = ["main"]
hosts = ["qemu"]
devices = ["e1000e"]
cases = "Preserve.DeviceKeepsItsAddress:LiveUpdate.MemfdKeepsItsBytes"
append = "liveupdate_fault=oops-preserve"
next_append = "liveupdate_fault=oops-preserve"
budget = "5m"

[[entry]]
name = "soak"
kernels = ["main"]
hosts = ["qemu"]
cases = "Soak.*"
soak = 2

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
  fake::MailServer server_;
};

TEST_F(Nights, ARegressionInTheSecondIsMailedWithItsCaseFingerprintAndRange) {
  const std::string good = commit("reference", "all is well");
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
  server_.forget();

  commit("reference", "harmless");
  const std::string bad = commit("faults", "preserve oopses");
  const Output second = night(file);
  EXPECT_EQ(second.status.code, 1) << second.out << second.err;
  const std::string told = server_.mail();
  EXPECT_THAT(told, AllOf(HasSubstr("Subject: [holdfast] " + night_ + ": 1 new failure;"),
                          HasSubstr("New failures: 1 case in 1 group"), HasSubstr("kernel.oops "),
                          HasSubstr(std::string(kCase) + "  on qemu/main..main smoke"),
                          HasSubstr(good.substr(0, 12) + ".." + bad.substr(0, 12))));
  const std::string command = "holdfast bisect --tree " + tree().string() + " --good " + good + " --bad " + bad +
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

TEST_F(Nights, AMistakeTouchesNothing) {
  commit("reference", "all is well");
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
