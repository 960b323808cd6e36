//! What the demo says at its end.

use super::served::{BOARD, NOTEBOOK, Served, VIEWER};
use super::target::{Address, Target};
use super::{NAMESPACE, STOPPED};

/// Where things are, what to try, and how to remove it all. Each line works as it stands when pasted into a shell.
pub(super) fn words(target: &Target, addresses: &[&Address; 3]) -> String {
    let kubectl = target.shell_kubectl();
    let [lab, board, files] = addresses;
    let pages = [
        page(target, "JupyterLab", &NOTEBOOK, lab, "/lab", 8888),
        page(target, "TensorBoard", &BOARD, board, "/", 6006),
        page(target, "Files", &VIEWER, files, "/", 8080),
    ]
    .join("\n");
    let environment = target.shell_environment().map(|line| format!("  {line}\n")).unwrap_or_default();
    let name = NOTEBOOK.name;
    format!(
        "{pages}\n\
         \n\
         What to try next:\n\
         {environment}  \
         {kubectl} get notebooks,tensorboards,pvcviewers,volumerequests --all-namespaces -o wide\n  \
         {kubectl} -n {NAMESPACE} exec {name}-0 -- ls -l /home/jovyan\n  \
         # stop it: the pod goes, the volume and the model stay, and TensorBoard still shows the run\n  \
         {kubectl} -n {NAMESPACE} annotate notebook {name} {STOPPED}=\"$(date -u +%FT%TZ)\"\n  \
         # start it again\n  \
         {kubectl} -n {NAMESPACE} annotate notebook {name} {STOPPED}-\n  \
         {kubectl} -n carrel-system logs --selector app.kubernetes.io/name=carrel --prefix --tail=-1\n\
         \n\
         Remove it all:  {}",
        target.shell_down()
    )
}

/// The address of a page, and the way there if it needs one.
fn page(target: &Target, title: &str, served: &Served, address: &Address, end: &str, port: u16) -> String {
    let title = format!("{title}:");
    match address {
        Address::Service(_) => format!("{title:<13}{}{end}", address.url()),
        Address::Forwarded { .. } => {
            let Served { service, path, .. } = served;
            let slash = if path.is_empty() { "" } else { "/" };
            format!(
                "{title:<13}http://localhost:{port}{slash}{path}{end}, while this runs:\n  \
                 {} -n {NAMESPACE} port-forward service/{service} {port}:80",
                target.shell_kubectl()
            )
        }
    }
}
