// The part of kube-router that enforces NetworkPolicies, by iptables and ipset, as k3s runs it. The rest of kube-router
// routes and serves Services; it needs a BGP server and the clients of two clouds.
//
// usage: kube-router -kubeconfig=FILE -node=NAME -services=CIDR
package main

import (
	"context"
	"flag"
	"sync"
	"time"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

func main() {
	config := options.NewKubeRouterConfig()
	config.EnableIPv4 = true
	// A synchronisation that fails, for example because kube-proxy changes the same table at the same moment, is tried
	// again only at the next change of a pod, or after this time. The default is five minutes, in which members with
	// new addresses are shut out.
	config.IPTablesSyncPeriod = 10 * time.Second
	flag.StringVar(&config.Kubeconfig, "kubeconfig", "", "how to log in")
	flag.StringVar(&config.HostnameOverride, "node", "", "the node whose pods are filtered")
	services := flag.String("services", "", "the addresses of Services")
	klog.InitFlags(nil)
	flag.Parse()
	config.ClusterIPCIDRs = []string{*services}

	login, err := clientcmd.BuildConfigFromFlags("", config.Kubeconfig)
	must(err)
	client, err := kubernetes.NewForConfig(login)
	must(err)
	untilRegistered(client, config.HostnameOverride)
	enforce(client, config)
}

// untilRegistered waits for the kubelet, which starts at the same time.
func untilRegistered(client kubernetes.Interface, node string) {
	for {
		_, err := client.CoreV1().Nodes().Get(context.Background(), node, metav1.GetOptions{})
		if err == nil {
			return
		}
		klog.Infof("waiting for the node: %v", err)
		time.Sleep(200 * time.Millisecond)
	}
}

func enforce(client kubernetes.Interface, config *options.KubeRouterConfig) {
	var ipsets sync.Mutex
	never := make(chan struct{})
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	namespaces := factory.Core().V1().Namespaces().Informer()
	factory.Start(never)
	factory.WaitForCacheSync(never)

	iptables, sets, err := netpol.NewIPTablesHandlers(config)
	must(err)
	controller, err := netpol.NewNetworkPolicyController(
		client, config, pods, policies, namespaces, &ipsets, iptables, sets)
	must(err)
	follow(pods, controller.PodEventHandler)
	follow(policies, controller.NetworkPolicyEventHandler)
	follow(namespaces, controller.NamespaceEventHandler)

	beats := make(chan *healthcheck.ControllerHeartbeat)
	go func() {
		for range beats { // Nothing here uses the heartbeats, but the controller blocks until they are received.
		}
	}()
	var done sync.WaitGroup
	done.Add(1)
	controller.Run(beats, never, &done)
}

func follow(informer cache.SharedIndexInformer, handler cache.ResourceEventHandler) {
	_, err := informer.AddEventHandler(handler)
	must(err)
}

func must(err error) {
	if err != nil {
		klog.Fatal(err)
	}
}
