// Is a secret read only from where nobody else can have put or seen it, and never shown?
#include "lab/secret.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/file.h"
#include "harness/kernel/fake_surroundings.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kVariable = "HOLDFAST_TEST_SECRET";

SecretSource in_variable() { return {.variable = kVariable, .declared_at = "lab.toml:12:3"}; }

class SecretFile : public testing::Test {
 protected:
  SecretFile() { put("sesame\n"); }
  void put(std::string_view text, unsigned mode = 0600) {
    fake::write(file_, text);
    ::chmod(file_.c_str(), mode);
  }
  Result<std::string> read() const { return read_secret({.file = file_, .declared_at = "lab.toml:12:3"}); }
  std::string refusal() const {
    const auto secret = read();
    if (secret) return "";
    EXPECT_EQ(secret.error().type(), "harness.usage");
    EXPECT_THAT(secret.error().what, HasSubstr("lab.toml:12:3: secret in " + file_.string() + ": "));
    EXPECT_THAT(secret.error().what + secret.error().hint, Not(HasSubstr("sesame")));
    return secret.error().what.substr(secret.error().what.find(file_.string()) + file_.string().size() + 2);
  }

  TempDir dir_ = *TempDir::create("holdfast-secret");
  fs::path file_ = dir_.path() / "bmc";
};

TEST_F(SecretFile, IsReadWithoutTheNewlineAtItsEnd) {
  EXPECT_EQ(*read(), "sesame");
  put("sesame");
  EXPECT_EQ(*read(), "sesame");
  put(" open sesame \n", 0400);
  EXPECT_EQ(*read(), " open sesame ");
}

TEST_F(SecretFile, ThatOthersCanGetAtIsRefusedWithTheCommandThatMendsIt) {
  for (const unsigned mode : {0640U, 0604U, 0620U, 0602U, 0610U, 0601U, 0666U}) {
    put("sesame\n", mode);
    EXPECT_THAT(refusal(), HasSubstr("others than its owner can get at it")) << std::oct << mode;
    EXPECT_EQ(read().error().hint, "chmod 600 " + file_.string());
  }
  put("sesame\n", 0640);
  EXPECT_EQ(refusal(), "its mode is 0640: others than its owner can get at it");
}

TEST_F(SecretFile, OfSomebodyElseIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  ASSERT_EQ(::chown(file_.c_str(), 65534, 65534), 0);
  EXPECT_EQ(refusal(), "it belongs to user 65534, not to user 0");
  EXPECT_EQ(read().error().hint, "sudo chown 0 " + file_.string());
}

TEST_F(SecretFile, ThatIsALinkIsRefusedButALinkedFolderIsNot) {
  fs::rename(file_, dir_.path() / "real");
  fs::create_symlink("real", file_);
  EXPECT_EQ(refusal(), "it is a symbolic link, which is not followed");
  fs::create_directory_symlink(dir_.path(), dir_.path() / "folder");
  EXPECT_EQ(*read_secret({.file = dir_.path() / "folder/real"}), "sesame");
}

TEST_F(SecretFile, ThatIsNoRegularFileIsRefusedAtOnce) {
  fs::remove(file_);
  ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
  EXPECT_EQ(refusal(), "it is no regular file");
  fs::remove(file_);
  fs::create_directory(file_);
  EXPECT_EQ(refusal(), "it is no regular file");
  fs::remove(file_);
  EXPECT_THAT(refusal(), HasSubstr("No such file or directory"));
}

TEST_F(SecretFile, ThatIsNotOneLineOfTextIsRefused) {
  put("");
  EXPECT_EQ(refusal(), "it is empty");
  put("\n");
  EXPECT_EQ(refusal(), "it is empty");
  put("sesame\naction=off\n");
  EXPECT_EQ(refusal(), "it is not one line of text");
  put("sesame\r\n");
  EXPECT_EQ(refusal(), "it is not one line of text");
  put(std::string(4096, 'x') + "\n");
  EXPECT_EQ(*read(), std::string(4096, 'x'));
  put(std::string(4097, 'x'));
  EXPECT_EQ(refusal(), "it is longer than 4096 bytes");
  put(std::string(100000, 'x'));
  EXPECT_EQ(refusal(), "it is longer than 4096 bytes");
}

TEST(SecretVariable, IsRead) {
  const fake::ScopedEnv variable(kVariable, "sesame");
  EXPECT_EQ(*read_secret(in_variable()), "sesame");
  EXPECT_TRUE(check_secret(in_variable()));
}

TEST(SecretVariable, ThatIsNotSetIsNamedWithItsPlace) {
  ::unsetenv(kVariable);
  const auto secret = read_secret(in_variable());
  ASSERT_FALSE(secret);
  EXPECT_EQ(secret.error().type(), "harness.usage");
  EXPECT_EQ(secret.error().what, "lab.toml:12:3: secret in variable HOLDFAST_TEST_SECRET: it is not set");
  EXPECT_THAT(secret.error().hint, HasSubstr("read -rs HOLDFAST_TEST_SECRET && export HOLDFAST_TEST_SECRET"));
  EXPECT_FALSE(check_secret(in_variable()));
}

TEST(SecretVariable, ThatIsEmptyOrSeveralLinesIsRefused) {
  {
    const fake::ScopedEnv variable(kVariable, "");
    EXPECT_THAT(read_secret(in_variable()).error().what, HasSubstr("it is empty"));
  }
  const fake::ScopedEnv variable(kVariable, "sesame\nx");
  EXPECT_THAT(read_secret(in_variable()).error().what, HasSubstr("it is not one line of text"));
  EXPECT_THAT(read_secret(in_variable()).error().what, Not(HasSubstr("sesame")));
}

TEST(Secrets, OfAHostAreListedOnce) {
  Host host;
  const SecretSource bmc = in_variable();
  host.power.push_back({.ipmi = {.password = bmc}});
  host.power.push_back({.kind = PowerAccess::Kind::kFence, .secrets = {{"community", {.file = "/c"}}}});
  host.console.ipmi.password = bmc;
  const auto secrets = secrets_of(host);
  ASSERT_EQ(secrets.size(), 2U);
  EXPECT_EQ(secrets[0].variable, kVariable);
  EXPECT_EQ(secrets[1].file, "/c");
}

TEST(WithoutSecret, HidesItWhereverItStands) {
  EXPECT_EQ(without_secret("passwd=sesame, again sesame", "sesame"), "passwd=[secret], again [secret]");
  EXPECT_EQ(without_secret("nothing here", "sesame"), "nothing here");
  EXPECT_EQ(without_secret("a cat", "a"), "a cat") << "every letter would be gone";
  EXPECT_EQ(without_secret("[secret]", "[secret]"), "[secret]") << "it comes to an end";
}

}  // namespace
}  // namespace holdfast::lab
