# Functions that stand a user in for: packages of the workspace, and projects that are built from them. To be sourced in the folder
# of the repository.

# unpack FOLDER: packages all crates of the workspace, and unpacks them into FOLDER/crates.
unpack() {
    local folder=$1 crate
    rm -rf "$folder" target/packages/package
    mkdir -p "$folder/crates"
    # The projects build the packages: that is all that `cargo package` would verify.
    cargo package --locked --quiet --workspace --no-verify --allow-dirty --target-dir target/packages
    for crate in target/packages/package/*.crate; do
        # The times in a package are old: Cargo would take a changed file for the file of the run before.
        tar --extract --touch --gzip --file "$crate" --directory "$folder/crates"
    done
}

# project FOLDER NAME: makes the project of a user in FOLDER/NAME, with the versions of Cargo.lock: nothing is asked of the network.
project() {
    cp -R packages/project "$1/$2"
    cp Cargo.lock "$1/$2/Cargo.lock"
}

# project_with_onbeat FOLDER NAME FEATURES: makes the same with onbeat as a dependency of the tests, out of the packages alone.
project_with_onbeat() {
    project "$1" "$2"
    local crates=("$1"/crates/*) crate name
    {
        printf 'onbeat = { version = "*", features = [%s] }\n\n[patch.crates-io]\n' "$3"
        for crate in "${crates[@]##*/}"; do
            printf '%s = { path = "../crates/%s" }\n' "${crate%-*}" "$crate"
        done
    } >>"$1/$2/Cargo.toml"
}
