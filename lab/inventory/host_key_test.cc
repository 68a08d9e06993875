// Is a host key told from what only looks like one?
#include "lab/inventory/host_key.h"

#include <gtest/gtest.h>

#include "lab/inventory/sample_host_test.h"

namespace holdfast::lab {
namespace {

const std::string kEcdsa =
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBKoWXGS1BF4ZmF7UmNNLJ1elxcRCQ0D26AkyCDTF"
    "ZFhzstZXMZ1ilOU3ZqkZnTjE5O39tpyLj3+ZljVZLk9VJLo=";

TEST(HostKey, IsTakenWithoutItsComment) {
  EXPECT_EQ(*parse_host_key(kSampleKey), kSampleKey);
  EXPECT_EQ(*parse_host_key(" " + std::string(kSampleKey) + "  root@alpha"), kSampleKey);
  EXPECT_EQ(*parse_host_key(kEcdsa), kEcdsa);
}

std::string refusal(const std::string& text) {
  const auto key = parse_host_key(text);
  return key ? "" : key.error().what;
}

TEST(HostKey, ThatIsNoneIsRefusedWithTheReason) {
  const std::string key(kSampleKey);
  const std::string body = key.substr(key.find(' ') + 1);
  EXPECT_EQ(refusal("ssh-ed25519"), "the type of a key and the key are expected: \"ssh-ed25519 AAAA...\"");
  EXPECT_EQ(refusal("alpha.example.org " + key), "leave out 'alpha.example.org' before the type of the key");
  EXPECT_EQ(refusal("ssh-ed2551 " + body), "no type of key is called 'ssh-ed2551'; did you mean 'ssh-ed25519'?");
  EXPECT_EQ(refusal("ssh-ed25519 AAAA..."), "what follows the type is not base64, or was cut short");
  EXPECT_EQ(refusal(key.substr(0, key.size() - 1)), "what follows the type is not base64, or was cut short");
  EXPECT_EQ(refusal(key.substr(0, key.size() - 4)), "the key was cut short");
  EXPECT_EQ(refusal("ssh-ed25519 AAAA"), "the key was cut short");
  EXPECT_EQ(refusal("ssh-rsa " + body), "the key says that it is of type 'ssh-ed25519', not 'ssh-rsa'");
}

}  // namespace
}  // namespace holdfast::lab
