#!/bin/sh
# Downloads a data set from its public home, checks the SHA-256 of each file, and unpacks it where sieve looks for it.
# Nothing that is built or tested runs this by itself. Needs curl, sha256sum or shasum, and tar or unzip.
# The files have their own licences: CelebA, GTSRB and Imagenette are for research only.
set -eu

usage() {
    cat <<'END'
usage: data/fetch.sh NAME [--data-dir DIR] [--from URL] [--unchecked]
  NAME            mnist, cifar10, gtsrb, celeba or imagenet10
  --data-dir DIR  where data sets lie (default $SIEVE_DATA, then ./data-sets)
  --from URL      take the files from this address (a mirror) instead; the checksums stay the same
  --unchecked     also accept files whose SHA-256 nobody has published
END
}

# One line a file: data set, file, SHA-256 (- where none is published), address. The checksums: MNIST's as listed in
# datasets-mila/datasets--mnist, Imagenette's as in FastAI.jl (the archive was packed anew since older lists), the others
# in tensorflow/datasets (tensorflow_datasets/url_checksums).
files() {
    cat <<'END'
mnist train-images-idx3-ubyte.gz 440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609 https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz
mnist train-labels-idx1-ubyte.gz 3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c https://ossci-datasets.s3.amazonaws.com/mnist/train-labels-idx1-ubyte.gz
mnist t10k-images-idx3-ubyte.gz 8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6 https://ossci-datasets.s3.amazonaws.com/mnist/t10k-images-idx3-ubyte.gz
mnist t10k-labels-idx1-ubyte.gz f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6 https://ossci-datasets.s3.amazonaws.com/mnist/t10k-labels-idx1-ubyte.gz
cifar10 cifar-10-binary.tar.gz c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz
gtsrb GTSRB_Final_Training_Images.zip - https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/GTSRB_Final_Training_Images.zip
gtsrb GTSRB_Final_Test_Images.zip - https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/GTSRB_Final_Test_Images.zip
gtsrb GTSRB_Final_Test_GT.zip - https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/GTSRB_Final_Test_GT.zip
celeba img_align_celeba.zip 46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74 https://s3.amazonaws.com/pytorch-tutorial-assets/img_align_celeba.zip
celeba list_attr_celeba.txt f0e5da289d5ccf75ffe8811132694922b60f2af59256ed362afa03fefba324d0 https://drive.usercontent.google.com/download?id=0B7EVK8r0v71pblRyaVFSWGxPY0U&export=download&confirm=t
celeba list_eval_partition.txt fc955bcb3ef8fbdf7d5640d9a8693a8431b5f2ee291a5c1449a1549e7e073fe7 https://drive.usercontent.google.com/download?id=0B7EVK8r0v71pY0NSMzRuSXJEVkk&export=download&confirm=t
imagenet10 imagenette2-320.tgz 569b4497c98db6dd29f335d1f109cf315fe127053cedf69010d047f0188e158c https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-320.tgz
END
}

fail() {
    echo "fetch.sh: $*" >&2
    exit 1
}

wrong_use() {
    echo "fetch.sh: $*" >&2
    usage >&2
    exit 2
}

sha256() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

# FILE ADDRESS: where it is taken from.
address_of() {
    if [ "$from" ]; then echo "${from%/}/$1"; else echo "$2"; fi
}

# FILE SHA256 ADDRESS: into the working directory, checked.
fetch_file() {
    echo "fetching $1"
    curl --fail --location --silent --show-error --retry 2 --output "$1" "$3" || fail "$1: cannot be fetched from $3"
    sum=$(sha256 "$1")
    if [ "$2" = - ]; then
        echo "$1: no SHA-256 is published; this file's is $sum"
        [ "$unchecked" ] || fail "$1: not checked, so not kept; --unchecked accepts it"
    elif [ "$sum" != "$2" ]; then
        fail "$1: its SHA-256 is $sum, not $2"
    fi
}

# Leaves the data set in ./TARGET.
unpack() {
    case $name in
    mnist) mkdir mnist && mv ./*.gz mnist ;;
    cifar10) tar -xzf cifar-10-binary.tar.gz ;;
    imagenet10) tar -xzf imagenette2-320.tgz ;;
    gtsrb)
        for archive in GTSRB_Final_Training_Images GTSRB_Final_Test_Images; do unzip -q -o "$archive.zip"; done
        unzip -q -o GTSRB_Final_Test_GT.zip -d GTSRB/Final_Test
        mv GTSRB gtsrb
        ;;
    celeba)
        mkdir celeba && mv list_*.txt celeba
        unzip -q img_align_celeba.zip -d celeba
        ;;
    esac
}

name=
unchecked=
from=
directory=${SIEVE_DATA:-data-sets}
while [ $# -gt 0 ]; do
    case $1 in
    --help) usage && exit 0 ;;
    --unchecked) unchecked=yes ;;
    --from | --data-dir)
        [ $# -gt 1 ] || wrong_use "$1 needs a value"
        if [ "$1" = --from ]; then from=$2; else directory=$2; fi
        shift
        ;;
    -*) wrong_use "unknown option $1" ;;
    *)
        [ -z "$name" ] || wrong_use "one data set at a time"
        name=$1
        ;;
    esac
    shift
done
case $name in
mnist | gtsrb | celeba) target=$name ;;
cifar10) target=cifar-10-batches-bin ;;
imagenet10) target=imagenette2-320 ;;
'') wrong_use "which data set?" ;;
*) wrong_use "unknown data set '$name'" ;;
esac
command -v curl >/dev/null || fail "curl is missing"
command -v sha256sum >/dev/null || command -v shasum >/dev/null || fail "sha256sum is missing"
case $name in gtsrb | celeba) command -v unzip >/dev/null || fail "unzip is missing" ;; esac
[ ! -e "$directory/$target" ] || fail "$directory/$target is there already"

mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
work=$(mktemp -d "$directory/.fetch-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"
files >list # no pipe: what fails in the loop ends the script
while read -r set file sum address; do
    [ "$set" = "$name" ] || continue
    fetch_file "$file" "$sum" "$(address_of "$file" "$address")"
done <list
unpack
[ -d "$target" ] || fail "$name: there is no $target in the archive"
mv "$target" "$directory/$target"
echo "$name: $directory/$target"
